/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_ERROR_H
#define PODSG_ERROR_H

#include <stdarg.h>

/*
 * An error is a value: a negative errno and one sentence that says what failed, where and why.
 * It lives on the caller's stack, is zero until something fails and is filled once, by whoever
 * knows most. The library never logs: the program that called it does, once.
 */
struct error {
	int code; /* negative errno, 0 = no error */
	char text[512];
};

/* Where in a document something is wrong. Unknown parts are NULL or 0 and left out of the text. */
struct error_place {
	const char *file;
	unsigned line; /* 1-based */
	const char
		*item; /* path inside the document: "SecurityGroups[3].IpPermissions[0].FromPort" */
};

/* Fills err unless it is NULL or already filled. Returns code, so that it ends a function. */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * "FILE:LINE: ITEM: "VALUE": RULE". value is the offending text (NULL: left out); it is shortened
 * to 64 bytes and its control characters are escaped, so that hostile input cannot draw on a
 * terminal. rule says what would have been right.
 */
int error_at(struct error *err, int code, const struct error_place *place, const char *value,
             const char *rule, ...) __attribute__((format(printf, 5, 6)));

/* Puts "context: " in front of the text of a filled error; returns its code. */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
