/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_BASE64_H
#define PODSG_BASE64_H

/* Base64 as RFC 4648 has it, with its padding. */

#include <stddef.h>

#define BASE64_SIZE(length) (((length) + 2) / 3 * 4 + 1)   /* of a text, NUL included */
#define BASE64_DECODED_SIZE(length) ((length) / 4 * 3 + 1) /* of what a text holds, and a NUL */

/* Returns the length. ret has BASE64_SIZE(length) bytes. */
size_t base64_encode(const void *data, size_t length, char *ret);

/* Line breaks between the characters are passed over. ret has BASE64_DECODED_SIZE(length) bytes
 * and gets a NUL behind the end. -EBADMSG: not base64. */
int base64_decode(const char *text, size_t length, char *ret, size_t *ret_length);

#endif
