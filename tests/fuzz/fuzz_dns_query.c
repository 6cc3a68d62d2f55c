/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/wire/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		abort();
}

/* What was read lies in the packet, and the name is one. */
static void check_query(const struct dns_query *query, size_t size)
{
	struct dns_name name = query->name;
	if (name.length > 0) {
		expect(dns_query_body(query) <= size);
		expect(name.wire[name.length - 1] == 0);
		dns_name_lower(&name);
		expect(memcmp(name.wire, query->name.wire, name.length) == 0);
		expect(dns_wire_equal(name.wire, query->packet + DNS_HEADER_SIZE, name.length));
	}
	if (query->edns.cookie)
		expect(query->edns.cookie + query->edns.cookie_size <= query->packet + size);
	expect(query->edns.udp_size >= DNS_UDP_PLAIN);
}

static void check_reply(const struct dns_query *query, const uint8_t *reply, size_t size)
{
	struct dns_query again;
	uint8_t copy[DNS_UDP_PLAIN];
	memcpy(copy, reply, size);
	expect(copy[2] & DNS_FLAG_QR >> 8 && dns_u16(copy) == query->id);
	/* But for that flag a reply is a query: it has no records but the OPT. */
	copy[2] = 0;
	enum dns_query_verdict verdict = dns_query_read(copy, size, &again);
	expect(verdict == DNS_QUERY_GOOD || verdict == DNS_QUERY_REFUSED ||
	       (verdict == DNS_QUERY_FORMERR && query->name.length == 0));
	expect(again.name.length == query->name.length);
	expect(again.edns.present == query->edns.present || query->name.length == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t cookie[DNS_SERVER_COOKIE];
	static const struct dns_reply_form form = {
		.ede = DNS_EDE_PROHIBITED,
		.ede_text = "text",
		.limit = DNS_UDP_PLAIN,
		.udp_size = DNS_UDP_DEFAULT,
		.cookie = cookie,
		.keepalive = 1,
	};
	struct dns_query query;
	enum dns_query_verdict verdict = dns_query_read(data, size, &query);
	if (verdict == DNS_QUERY_DROP)
		return 0;
	check_query(&query, size);
	uint8_t *out = calloc(1, form.limit);
	expect(out);
	size_t length = dns_reply_empty(&query, DNS_RCODE_BADCOOKIE, true, &form, out);
	expect(length <= form.limit);
	check_reply(&query, out, length);
	free(out);
	return 0;
}
