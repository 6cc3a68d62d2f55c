/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DIGEST_H
#define PODSG_DIGEST_H

/*
 * FNV-1a, 64 bits: recognises content that did not change. It is no defence against somebody who
 * wants two contents to look alike; whoever writes security groups can open them anyway.
 */

#include <stddef.h>
#include <stdint.h>

#define DIGEST_START 0xcbf29ce484222325ULL

static inline uint64_t digest_bytes(uint64_t digest, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	for (size_t i = 0; i < length; i++)
		digest = (digest ^ bytes[i]) * 0x100000001b3ULL;
	return digest;
}

static inline uint64_t digest_u64(uint64_t digest, uint64_t value)
{
	return digest_bytes(digest, &value, sizeof(value));
}

/* With its final NUL, so that "ab" "c" is not "a" "bc". */
static inline uint64_t digest_text(uint64_t digest, const char *text)
{
	do
		digest = digest_bytes(digest, text, 1);
	while (*text++);
	return digest;
}

#endif
