/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_REVERSE_H
#define PODSG_DNS_REVERSE_H

/* Addresses as names: in-addr.arpa (RFC 1035 §3.5) and ip6.arpa (RFC 3596 §2.5). */

#include "common/address.h"
#include "dnscache/wire/name.h"

/* false: not the name of one whole address. IPv4 inside ::ffff:0:0/96 comes out as IPv6. */
bool dns_reverse_address(const struct dns_name *name, struct prefix *ret);
void dns_reverse_name4(const uint8_t address[static 4], struct dns_name *ret);

#endif
