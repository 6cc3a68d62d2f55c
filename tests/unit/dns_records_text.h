/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TEST_DNS_RECORDS_TEXT_H
#define PODSG_TEST_DNS_RECORDS_TEXT_H

/* Records as dns_messages.h has messages, and back, by the daemon's own reader and packer. */

#include "dnscache/wire/records.h"

struct dns_question question_about(const char *name, const char *type);
struct dns_name wire_name(const char *text);

/* lines: what stands behind the question, "" = nothing. Filled in the arena. */
void records_answering(const struct dns_question *question, const char *header, const char *lines,
                       struct arena *arena, struct dns_records *ret);

/* The message that a client gets (its size in *size, may be NULL), to an EDNS query with id 1. It
 * is overwritten by the next call. */
uint8_t *records_message(const struct dns_records *records, size_t *size);
/* As text: "header …", "question …", records, "opt …", each on a line. */
const char *records_text(const struct dns_records *records);
/* That the client's message has these records and no others, and of aa and rcode=N in its header
 * these. */
void assert_records(const struct dns_records *records, const char *header, const char *lines);

#endif
