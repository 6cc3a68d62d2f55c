/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_RECORD_TEXT_H
#define PODSG_DNS_RECORD_TEXT_H

/* A record as a zone file has it: "www.example.org. 60 IN A 192.0.2.1". TTL (3600 if absent) and
 * class may change places; brackets, quotes and ; comments are understood. */

#include "dnscache/plugin/rdata_text.h"
#include "dnscache/wire/records.h"

/* data: where the record's will be. Its section is left alone. -EBADMSG: no record, or one of a
 * type or class that is not supported; what stands there instead is the caller's to tell. */
int record_text_parse(const char *text, uint8_t data[static RDATA_MAX], struct dns_record *ret);

#endif
