/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_H
#define PODSG_DNS_H

/* Numbers of the protocol, by IANA's registry and the RFCs beside them. */

#include <stdint.h>

#define DNS_HEADER_SIZE 12
#define DNS_MESSAGE_MAX 65535
#define DNS_UDP_PLAIN 512    /* what a client without EDNS takes */
#define DNS_UDP_DEFAULT 1232 /* our size both ways: dnsflagday.net/2020 */

enum dns_flag {
	DNS_FLAG_QR = 0x8000,
	DNS_FLAG_AA = 0x0400,
	DNS_FLAG_TC = 0x0200,
	DNS_FLAG_RD = 0x0100,
	DNS_FLAG_RA = 0x0080,
	DNS_FLAG_AD = 0x0020,
	DNS_FLAG_CD = 0x0010,
	DNS_FLAGS_OPCODE = 0x7800,
	DNS_FLAGS_RCODE = 0x000f,
};

enum dns_rcode {
	DNS_RCODE_NOERROR = 0,
	DNS_RCODE_FORMERR = 1,
	DNS_RCODE_SERVFAIL = 2,
	DNS_RCODE_NXDOMAIN = 3,
	DNS_RCODE_NOTIMP = 4,
	DNS_RCODE_REFUSED = 5,
	DNS_RCODE_BADVERS = 16,
	DNS_RCODE_BADCOOKIE = 23,
};

enum dns_class { DNS_CLASS_IN = 1, DNS_CLASS_ANY = 255 };

enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_NS = 2,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_HINFO = 13,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SRV = 33,
	DNS_TYPE_NAPTR = 35,
	DNS_TYPE_DNAME = 39,
	DNS_TYPE_OPT = 41,
	DNS_TYPE_DS = 43,
	DNS_TYPE_RRSIG = 46,
	DNS_TYPE_NSEC = 47,
	DNS_TYPE_DNSKEY = 48,
	DNS_TYPE_NSEC3 = 50,
	DNS_TYPE_HTTPS = 65,
	DNS_TYPE_TSIG = 250,
	DNS_TYPE_IXFR = 251,
	DNS_TYPE_AXFR = 252,
	DNS_TYPE_ANY = 255,
};

enum dns_option { /* of EDNS */
	          DNS_OPTION_ECS = 8,
	          DNS_OPTION_COOKIE = 10,
	          DNS_OPTION_KEEPALIVE = 11,
	          DNS_OPTION_PADDING = 12,
	          DNS_OPTION_EDE = 15,
};

enum dns_ede { /* RFC 8914 */
	       DNS_EDE_NONE = -1,
	       DNS_EDE_OTHER = 0,
	       DNS_EDE_STALE = 3,
	       DNS_EDE_CACHED_ERROR = 13,
	       DNS_EDE_NOT_READY = 14,
	       DNS_EDE_PROHIBITED = 18,
	       DNS_EDE_STALE_NXDOMAIN = 19,
	       DNS_EDE_NOT_AUTHORITATIVE = 20,
	       DNS_EDE_NOT_SUPPORTED = 21,
	       DNS_EDE_NO_REACHABLE_AUTHORITY = 22,
	       DNS_EDE_NETWORK_ERROR = 23,
	       DNS_EDE_INVALID_DATA = 24,
	       DNS_EDE_SYNTHESIZED = 29,
};

/* "AAAA", "NOERROR"; a number that has no name as "TYPE65535", "RCODE11". The first two are for
 * texts and logs, *_parse for the Corefile (any case): -EINVAL. */
#define DNS_NUMBER_TEXT_MAX 16
const char *dns_type_text(uint16_t type, char buffer[static DNS_NUMBER_TEXT_MAX]);
const char *dns_rcode_text(uint16_t rcode, char buffer[static DNS_NUMBER_TEXT_MAX]);
int dns_type_parse(const char *text, uint16_t *ret);
int dns_rcode_parse(const char *text, uint16_t *ret);
int dns_class_parse(const char *text, uint16_t *ret);

static inline uint16_t dns_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t dns_u32(const uint8_t *at)
{
	return (uint32_t)dns_u16(at) << 16 | dns_u16(at + 2);
}

static inline void dns_put_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void dns_put_u32(uint8_t *at, uint32_t value)
{
	dns_put_u16(at, (uint16_t)(value >> 16));
	dns_put_u16(at + 2, (uint16_t)value);
}

#endif
