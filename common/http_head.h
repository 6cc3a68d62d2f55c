/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_HTTP_HEAD_H
#define PODSG_HTTP_HEAD_H

/* The head of a request as our server understands it: RFC 9112, as much as a GET needs. */

#include <stdbool.h>
#include <stddef.h>

#define HTTP_PATH_MAX 128 /* bytes with the NUL; no path of ours is longer */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_OTHER };

struct http_head {
	enum http_method method;
	char path[HTTP_PATH_MAX]; /* without the query; "" = too long to be one of ours */
};

/* Bytes of a whole head, blank line included; 0: its end is yet to come. */
size_t http_head_length(const char *text, size_t length);

/* text is a whole head. -EBADMSG: it is not HTTP/1.x as we speak it. */
int http_head_parse(const char *text, size_t length, struct http_head *ret);

#endif
