/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/http_head.h"

size_t http_head_length(const char *text, size_t length)
{
	const char *end = text + length;
	const char *line = text;
	const char *feed;
	/* A line may end with a bare LF: RFC 9112 §2.2. */
	while ((feed = memchr(line, '\n', (size_t)(end - line)))) {
		size_t width = (size_t)(feed - line);
		if (line > text && (width == 0 || (width == 1 && line[0] == '\r')))
			return (size_t)(feed + 1 - text);
		line = feed + 1;
	}
	return 0;
}

static bool is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < 'A' || text[i] > 'Z')
			return false;
	return length > 0;
}

static bool is_target(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return false;
	return length > 0 && text[0] == '/';
}

static bool is_version(const char *text, size_t length)
{
	return length == 8 && memcmp(text, "HTTP/1.", 7) == 0 && text[7] >= '0' && text[7] <= '9';
}

static enum http_method method_of(const char *text, size_t length)
{
	if (length == 3 && memcmp(text, "GET", 3) == 0)
		return HTTP_GET;
	if (length == 4 && memcmp(text, "HEAD", 4) == 0)
		return HTTP_HEAD;
	return HTTP_OTHER;
}

static void take_path(const char *target, size_t length, char path[static HTTP_PATH_MAX])
{
	const char *query = memchr(target, '?', length);
	if (query)
		length = (size_t)(query - target);
	if (length >= HTTP_PATH_MAX)
		length = 0;
	memcpy(path, target, length);
	path[length] = '\0';
}

int http_head_parse(const char *text, size_t length, struct http_head *ret)
{
	const char *feed = memchr(text, '\n', length);
	if (!feed)
		return -EBADMSG;
	const char *end = feed > text && feed[-1] == '\r' ? feed - 1 : feed;
	const char *first = memchr(text, ' ', (size_t)(end - text));
	const char *second = first ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
	if (!second)
		return -EBADMSG;
	const char *target = first + 1;
	const char *version = second + 1;
	size_t method_length = (size_t)(first - text);
	size_t target_length = (size_t)(second - target);
	if (!is_token(text, method_length) || !is_target(target, target_length) ||
	    !is_version(version, (size_t)(end - version)))
		return -EBADMSG;
	ret->method = method_of(text, method_length);
	take_path(target, target_length, ret->path);
	return 0;
}
