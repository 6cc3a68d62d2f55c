/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_CHASE_H
#define PODSG_DNS_CHASE_H

/* A made-up CNAME (`template`, `rewrite cname`) is answered with what its target has. */

#include "dnscache/wire/records.h"

/* Whether the chain of CNAMEs in the answer ends without the records asked for: then *ret is the
 * question for them. */
bool dns_chase_question(const struct dns_records *records, struct dns_question *ret);

/* Adds what was found at the chain's end: answer, authority, and whether there is such a name.
 * found was scrubbed. -ENOMEM, -E2BIG. */
int dns_chase_add(struct dns_records *records, const struct dns_records *found);

#endif
