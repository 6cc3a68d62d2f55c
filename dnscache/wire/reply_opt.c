/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dnscache/wire/reply_parts.h"

#define OPT_HEAD 11 /* owner, type, size, rcode, version, flags, size of the options */
#define OPT_DO 0x8000u
#define OPTION_HEAD 4
#define EDE_HEAD 6 /* the option's, and the error's code */
#define COOKIE_SIZE (OPTION_HEAD + DNS_CLIENT_COOKIE + DNS_SERVER_COOKIE)
#define KEEPALIVE_SIZE (OPTION_HEAD + 2)

static bool sends_cookie(const struct dns_query *query, const struct dns_reply_form *form)
{
	return query->edns.cookie && form->cookie;
}

size_t dns_opt_size(const struct dns_query *query, const struct dns_reply_form *form)
{
	if (!query->edns.present)
		return 0;
	return OPT_HEAD + (sends_cookie(query, form) ? COOKIE_SIZE : 0) +
	       (form->keepalive > 0 ? KEEPALIVE_SIZE : 0);
}

static size_t text_size(const struct dns_reply_form *form)
{
	return form->ede_text ? strnlen(form->ede_text, DNS_EDE_MAX - EDE_HEAD) : 0;
}

static uint8_t *put_option(uint8_t *at, uint16_t code, size_t size)
{
	dns_put_u16(at, code);
	dns_put_u16(at + 2, (uint16_t)size);
	return at + OPTION_HEAD;
}

static uint8_t *put_cookie(uint8_t *at, const uint8_t *client, const uint8_t *server)
{
	at = put_option(at, DNS_OPTION_COOKIE, DNS_CLIENT_COOKIE + DNS_SERVER_COOKIE);
	memcpy(at, client, DNS_CLIENT_COOKIE);
	memcpy(at + DNS_CLIENT_COOKIE, server, DNS_SERVER_COOKIE);
	return at + DNS_CLIENT_COOKIE + DNS_SERVER_COOKIE;
}

/* Ours first: it is about this answer here and now. Without its text rather than not at all. */
static uint8_t *put_ede(uint8_t *at, const uint8_t *end, const struct dns_answer *answer,
                        const struct dns_reply_form *form)
{
	if (form->ede != DNS_EDE_NONE && end - at >= EDE_HEAD) {
		size_t length = text_size(form);
		if (length > (size_t)(end - at) - EDE_HEAD)
			length = 0;
		at = put_option(at, DNS_OPTION_EDE, 2 + length);
		dns_put_u16(at, (uint16_t)form->ede);
		if (length > 0)
			memcpy(at + 2, form->ede_text, length);
		at += 2 + length;
	}
	if (answer && answer->ede_size <= end - at) {
		memcpy(at, dns_answer_ede(answer), answer->ede_size);
		at += answer->ede_size;
	}
	return at;
}

size_t dns_opt_write(const struct dns_query *query, uint16_t rcode, const struct dns_answer *answer,
                     const struct dns_reply_form *form, size_t room, uint8_t *out)
{
	uint8_t *at = out + OPT_HEAD;
	if (!query->edns.present)
		return 0;
	out[0] = 0;
	dns_put_u16(out + 1, DNS_TYPE_OPT);
	dns_put_u16(out + 3, form->udp_size);
	dns_put_u32(out + 5, (uint32_t)rcode >> 4 << 24 | (query->edns.dnssec_ok ? OPT_DO : 0));
	if (sends_cookie(query, form))
		at = put_cookie(at, query->edns.cookie, form->cookie);
	if (form->keepalive > 0) {
		at = put_option(at, DNS_OPTION_KEEPALIVE, 2);
		dns_put_u16(at, form->keepalive);
		at += 2;
	}
	at = put_ede(at, out + room, answer, form);
	dns_put_u16(out + 9, (uint16_t)(at - out - OPT_HEAD));
	return (size_t)(at - out);
}
