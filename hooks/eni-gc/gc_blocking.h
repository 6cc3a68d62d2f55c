/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_BLOCKING_H
#define PODSG_GC_BLOCKING_H

/*
 * What makes EC2 refuse to delete a security group (DependencyViolation): interfaces that have it,
 * rules of other groups that refer to it, VPCs that it is associated with; and what is to be done
 * about each.
 */

#include "hooks/eni-gc/gc_eni_ec2.h"
#include "hooks/eni-gc/gc_eni_options.h"
#include "hooks/eni-gc/gc_eni_report.h"

#define GC_ADVICE_SIZE 400

/* For an interface that has the group. Returns buffer. */
const char *gc_blocking_advice(const struct gc_eni *eni, char buffer[static GC_ADVICE_SIZE]);

/* Returns what the program exits with; all is reported. */
int gc_blocking(struct gc_ec2 *ec2, const struct gc_eni_options *options,
                struct gc_eni_report *report);

#endif
