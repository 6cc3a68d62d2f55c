/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/kube_lines.h"

#define CAPACITY_KEPT (64U << 10) /* between lines: one large object must not cost for ever */

static int keep(struct kube_lines *lines, const char *data, size_t length, struct error *err)
{
	struct buffer *rest = &lines->rest;

	buffer_add(rest, data, length);
	if (!rest->failed)
		return 0;
	if (length > rest->max - rest->length)
		return error_set(err, -EMSGSIZE, "a line of more than %zu bytes", rest->max);
	return error_set(err, -ENOMEM, "out of memory for a line of %zu bytes",
	                 rest->length + length);
}

int kube_lines_feed(struct kube_lines *lines, const char *data, size_t length,
                    int (*line)(void *context, const char *text, size_t length, struct error *err),
                    void *context, struct error *err)
{
	const char *newline;
	int ret = 0;

	while (ret >= 0 && (newline = memchr(data, '\n', length))) {
		size_t piece = (size_t)(newline - data);
		const char *text = data;
		size_t text_length = piece;

		/* What came in one piece is read where it is. */
		if (lines->rest.length > 0 || piece > lines->rest.max) {
			ret = keep(lines, data, piece, err);
			text = lines->rest.text;
			text_length = lines->rest.length;
		}
		if (ret == 0 && text_length > 0)
			ret = line(context, text, text_length, err);
		buffer_clear(&lines->rest);
		if (lines->rest.capacity > CAPACITY_KEPT)
			buffer_done(&lines->rest);
		data += piece + 1;
		length -= piece + 1;
	}
	return ret < 0 ? ret : keep(lines, data, length, err);
}

void kube_lines_done(struct kube_lines *lines)
{
	buffer_done(&lines->rest);
}
