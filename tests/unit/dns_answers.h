/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TEST_DNS_ANSWERS_H
#define PODSG_TEST_DNS_ANSWERS_H

/* Upstream's messages, as text, on their way to a client. */

#include "dnscache/wire/reply.h"
#include "tests/unit/dns_messages.h"

/* The question of a message that dns_messages.h describes. */
struct dns_question question_of(const char *message);

/* Read and scrubbed. Fails the test if that is an error. */
void records_of(const char *message, struct arena *arena, struct dns_records *ret);

/* Packed at second 1000, with lifetimes of up to a day, failures' 5 s. */
struct dns_answer *answer_of(const char *message, struct arena *arena);

/* The reply to the query, as text, in a buffer that the next call fills again. */
const char *reply_text(const char *query, const struct dns_answer *answer,
                       const struct dns_reply_form *form);

#endif
