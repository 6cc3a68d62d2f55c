/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_NAME_H
#define PODSG_DNS_NAME_H

/* Domain names (RFC 1035 §3.1) in wire form: labels with their lengths, the root's 0 at the end. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX 255
#define DNS_LABEL_MAX 63
#define DNS_NAME_TEXT_MAX 1024 /* every byte as \DDD, dots, the final NUL */

struct dns_name {
	uint8_t length; /* bytes of wire, the root's 0 included; "." has 1 */
	uint8_t wire[DNS_NAME_MAX];
};

/*
 * Reads the name at *offset of a message, follows compression pointers (backwards only, so that it
 * ends) and moves *offset behind it. Case is kept. -EBADMSG: it leaves the message, points forward
 * or is longer than 255 bytes.
 */
int dns_name_read(const uint8_t *message, size_t size, size_t *offset, struct dns_name *ret);

/* Moves *offset behind the name at it without looking where pointers lead. -EBADMSG. */
int dns_name_skip(const uint8_t *message, size_t size, size_t *offset);

/* "www.example.com", with or without the final dot; \. and \DDD are understood. Lower case comes
 * out as it went in. -EINVAL: empty, a label longer than 63 bytes, a name longer than 255. */
int dns_name_parse(const char *text, struct dns_name *ret);
/* With the final dot; bytes that are not printable as \DDD. Returns buffer. */
const char *dns_name_text(const struct dns_name *name, char buffer[static DNS_NAME_TEXT_MAX]);

/* Of names in wire form, or parts of them: lengths are below 'A', so they stay what they are. to
 * may be from. */
void dns_wire_lower(uint8_t *to, const uint8_t *from, size_t size);
bool dns_wire_equal(const uint8_t *a, const uint8_t *b, size_t size); /* whatever the case */

void dns_name_lower(struct dns_name *name);
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b); /* whatever the case */
/* zone itself is under zone; everything is under the root. */
bool dns_name_under(const struct dns_name *name, const struct dns_name *zone);
unsigned dns_name_labels(const struct dns_name *name); /* without the root's */
/* The name behind the first label; the root's is the root. */
struct dns_name dns_name_parent(const struct dns_name *name);

#endif
