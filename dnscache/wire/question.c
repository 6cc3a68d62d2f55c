/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dnscache/wire/query.h"

#define OPT_DO 0x8000u

static uint8_t *put_opt(uint8_t *at, uint16_t udp_size, bool dnssec_ok)
{
	*at = 0;
	dns_put_u16(at + 1, DNS_TYPE_OPT);
	dns_put_u16(at + 3, udp_size);
	dns_put_u32(at + 5, dnssec_ok ? OPT_DO : 0);
	dns_put_u16(at + 9, 0);
	return at + 11;
}

size_t dns_question_write(const struct dns_question *question, uint16_t id, uint16_t udp_size,
                          bool edns, uint8_t out[static DNS_UPSTREAM_QUERY_MAX])
{
	uint16_t flags = DNS_FLAG_RD | DNS_FLAG_AD;
	if (question->checking_disabled)
		flags |= DNS_FLAG_CD;
	memset(out, 0, DNS_HEADER_SIZE);
	dns_put_u16(out, id);
	dns_put_u16(out + 2, flags);
	dns_put_u16(out + 4, 1);
	dns_put_u16(out + 10, edns);
	uint8_t *at = out + DNS_HEADER_SIZE;
	memcpy(at, question->name.wire, question->name.length);
	at += question->name.length;
	dns_put_u16(at, question->type);
	dns_put_u16(at + 2, DNS_CLASS_IN);
	at += 4;
	if (edns)
		at = put_opt(at, udp_size, question->dnssec_ok);
	return (size_t)(at - out);
}
