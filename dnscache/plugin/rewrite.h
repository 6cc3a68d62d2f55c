/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_REWRITE_H
#define PODSG_DNS_REWRITE_H

/*
 * Corefile's `rewrite`: the question before it is asked, and the answer before it is cached, which
 * stands under the question as the client asked it.
 *
 * The answer to the rewritten question is scrubbed first, then comes rewrite_cname() (with what it
 * takes), then rewrite_answer_records(). `class` and `edns0` rules do nothing: all questions are of
 * class IN, and none goes out with an option; the Corefile's reader refuses them.
 */

#include "dnscache/corefile/settings.h"
#include "dnscache/wire/records.h"

#define REWRITES_APPLIED_MAX 8

/* What was done to a question, so that the answer can be put right. */
struct rewrite_done {
	const struct rewrite_rule *rules[REWRITES_APPLIED_MAX];
	struct dns_name before[REWRITES_APPLIED_MAX]; /* the question's name before that rule */
	size_t count;
};

/* Changes question in place. Returns 0, or -E2BIG (SERVFAIL): what came out is no name, a pattern
 * took too long, or more than REWRITES_APPLIED_MAX rules applied; -ENOMEM. */
int rewrite_question(const struct rewrite_rule *rules, size_t count, struct dns_question *question,
                     struct rewrite_done *done);

/*
 * `cname` rules. Returns 1: the target of a CNAME is another one now, and what stood behind it is
 * gone: dns_chase_question() says what is to be asked, and dns_chase_add() takes it in; 0: nothing
 * changed; -ENOMEM, -E2BIG.
 */
int rewrite_cname(const struct rewrite_done *done, struct dns_records *records);

/* Names, values, TTLs and rcode as the rules applied say. `asked` becomes the records' question
 * again, which until now is the one that rewrite_question() has made. -ENOMEM. */
int rewrite_answer_records(const struct rewrite_done *done, const struct dns_question *asked,
                           struct dns_records *records);

#endif
