/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_INTERFACE_NAME_H
#define PODSG_INTERFACE_NAME_H

#include <stddef.h>
#include <stdint.h>

#define INTERFACE_PREFIX_MAX 4 /* characters; 11 digits and the final NUL fill IFNAMSIZ */
#define STRICT_PREFIX "vlan"
#define SHA1_SIZE 20

/* Of the concatenated parts. Only for names: SHA-1 is what the VPC CNI uses, nothing is proved. */
struct sha1_part {
	const void *data;
	size_t size;
};
void sha1(const struct sha1_part *parts, size_t count, uint8_t digest[static SHA1_SIZE]);

/* The VPC CNI's name of a pod's host veth: prefix and the first 11 hex digits of
 * sha1("namespace.pod"). A longer prefix is cut. */
void interface_name(const char *prefix, const char *namespace, const char *pod,
                    char ret[static 16]);

#endif
