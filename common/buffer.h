/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_BUFFER_H
#define PODSG_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Text that grows up to a ceiling. A zeroed one with its max set is ready. Failure is sticky:
 * whoever adds a lot looks at failed once, in the end.
 */
struct buffer {
	char *text; /* NUL behind it; NULL until something was added */
	size_t length;
	size_t capacity;
	size_t max;  /* bytes */
	bool failed; /* the maximum was passed, or memory was short; the text is incomplete */
};

void buffer_add(struct buffer *buffer, const char *text, size_t length);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_format(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Between quotes and escaped, as JSON has it; the text is UTF-8. */
void buffer_add_json(struct buffer *buffer, const char *text);

void buffer_cut(struct buffer *buffer, size_t length); /* to a length that it had */
void buffer_clear(struct buffer *buffer);              /* keeps the memory */
void buffer_done(struct buffer *buffer);

#endif
