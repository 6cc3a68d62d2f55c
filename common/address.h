/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_ADDRESS_H
#define PODSG_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PREFIX_TEXT_MAX 52 /* an IPv6 address, "/128" and the final NUL fit */

/* An IPv4 or IPv6 prefix; an address is a prefix of full length. Bits behind length are 0. */
struct prefix {
	uint8_t family;      /* AF_INET or AF_INET6 */
	uint8_t length;      /* bits: 0..32 or 0..128 */
	uint8_t address[16]; /* network order; IPv4 uses the first 4 bytes, the rest is 0 */
};

/*
 * "10.0.0.0/8", "2001:db8::/32"; without a slash a whole address. Bits behind the length are
 * cleared, *masked (may be NULL) says whether any was set. Returns 0 or -EINVAL; ret is untouched
 * on failure.
 */
int prefix_parse(const char *text, struct prefix *ret, bool *masked);
int address_parse(const char *text, struct prefix *ret); /* no slash accepted */

/* "10.0.0.0/8"; a whole address is written without its length. Returns buffer. */
const char *prefix_text(const struct prefix *prefix, char buffer[static PREFIX_TEXT_MAX]);

unsigned prefix_family_bits(uint8_t family); /* 32 or 128 */
bool prefix_is_address(const struct prefix *prefix);
bool prefix_contains(const struct prefix *outer, const struct prefix *inner);
bool prefix_equal(const struct prefix *a, const struct prefix *b);

/* Order: family, address, length; so a prefix comes before everything inside it. For qsort(). */
int prefix_compare(const void *a, const void *b);

/* The last address of a prefix, as a whole address. */
struct prefix prefix_last(const struct prefix *prefix);

#endif
