/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A head has the same length however it comes, and its path is clean or empty. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head head;
	const char *text = (const char *)data;
	size_t length = http_head_length(text, size);

	if (length > size || (length > 0 && text[length - 1] != '\n'))
		abort();
	for (size_t part = 0; length > 0 && part < length; part++)
		if (http_head_length(text, part) != 0)
			abort();
	if (length == 0 || http_head_parse(text, length, &head) < 0)
		return 0;
	if (head.path[0] != '/' && head.path[0] != '\0')
		abort();
	for (const char *c = head.path; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '?')
			abort();
	return 0;
}
