/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_ENI_EC2_H
#define PODSG_GC_ENI_EC2_H

/* EC2 for a program that does one thing after the other: each call runs an event loop of its own
 * until the answer is there. */

#include "common/ec2.h"
#include "common/error.h"

struct gc_ec2;

/* region, endpoint: as ec2_open() has them. */
int gc_ec2_open(const char *region, const char *endpoint, struct gc_ec2 **ret, struct error *err);
void gc_ec2_close(struct gc_ec2 *ec2);               /* accepts NULL */
const char *gc_ec2_region(const struct gc_ec2 *ec2); /* "" before the first answer */

/* Adds all that the filters let through; an error leaves the items of no use. -EOPNOTSUPP: EC2 does
 * not know the question there. */
int gc_ec2_list(struct gc_ec2 *ec2, struct ec2_items *items, const struct ec2_filter *filters,
                struct error *err);
/* One thing, by its id. The answer is there until the next call. */
const struct aws_answer *gc_ec2_ask(struct gc_ec2 *ec2, struct ec2_items *items,
                                    enum ec2_question question, const char *id);

void gc_ec2_sleep(struct gc_ec2 *ec2, uint64_t milliseconds);

#endif
