/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_DNS64_H
#define PODSG_DNS_DNS64_H

/* Corefile's `dns64` (RFC 6147): AAAA records made from A records. Whether the client came by IPv6,
 * or allow_ipv4 is set, is the caller's to see. */

#include "dnscache/corefile/settings.h"
#include "dnscache/wire/records.h"

/*
 * Whether the answer to an AAAA question asks for synthesis: no AAAA in it but IPv4-mapped ones
 * (RFC 6147 §5.1.4), and no NXDOMAIN (§5.1.2); with translate_all whatever AAAA it has. Not for a
 * client that says it validates by itself (DO and CD, §3): to it what is made up is forged.
 */
bool dns64_wanted(const struct dns64_settings *settings, const struct dns_records *aaaa);

/* The answer to the AAAA question made from that to the A question of the same name, or, where that
 * has no A, the former as it is (§5.1.6). TTLs are at most the SOA's of the empty answer, without
 * one 600 s (§5.1.7). Signatures are left out of what is made. ret is begun in aaaa's arena and
 * points into both. -ENOMEM, -E2BIG. */
int dns64_make(const struct dns64_settings *settings, const struct dns_records *aaaa,
               const struct dns_records *a, struct dns_records *ret);

/* A PTR question inside the prefix: the name in in-addr.arpa that it stands for (§5.3.1). */
bool dns64_reverse(const struct dns64_settings *settings, const struct dns_name *name,
                   struct dns_name *ret);

#endif
