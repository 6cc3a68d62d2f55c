/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_REWRITE_TEXT_H
#define PODSG_DNS_REWRITE_TEXT_H

/* Names by their text, as CoreDNS's `rewrite` sees them: lower case, the final dot there. */

#include "dnscache/corefile/settings.h"

/*
 * Whether the rule's pattern fits the name; then *to, if not NULL, is the name it makes of it.
 * Returns 1, 0, or -E2BIG: what came out is no name, or the search was given up; -ENOMEM.
 */
int rewrite_text_rule(const struct rewrite_rule *rule, const struct dns_name *from,
                      struct dns_name *to);
/* The same for `answer name|value REGEX TEXT`. */
int rewrite_text_answer(const struct rewrite_answer *answer, const struct dns_name *from,
                        struct dns_name *to);
/* What `answer auto` does for a suffix rule: its suffixes the other way round. */
int rewrite_text_suffix_back(const struct rewrite_rule *rule, const struct dns_name *from,
                             struct dns_name *to);

#endif
