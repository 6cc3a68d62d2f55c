/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_HTTP_CALL_H
#define PODSG_HTTP_CALL_H

/* One call of common/http.h as libcurl sees it: its options, what comes in, how it ended. Knows no
 * timers and no sockets of the loop. */

#include <sys/queue.h>

#include <curl/curl.h>

#include "common/http.h"

struct http_call {
	LIST_ENTRY(http_call) link;
	struct http *http;
	CURL *easy;
	CURLU *url; /* libcurl reads it while the call runs */
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	char *what; /* "GET https://host/path", for errors */
	bool added; /* to the multi handle */
	bool cancelled;

	void (*begun)(void *context);
	int (*received)(void *context, const char *data, size_t length, struct error *err);
	void (*done)(void *context, const struct http_answer *answer);
	void *context;

	char *body; /* collected, NUL behind it */
	size_t body_length;
	size_t body_capacity;
	size_t body_seen;
	size_t body_max;
	size_t head_seen;
	bool head_whole;
	char *wanted; /* name of the header that is kept; NULL: none */
	char header[HTTP_HEADER_MAX];

	const uv_loop_t *loop;
	unsigned idle_timeout;
	unsigned total_timeout;
	uint64_t started; /* uv_now() */
	uint64_t heard;   /* of the last byte */

	struct error error; /* why we broke it off */
	char curl_text[CURL_ERROR_SIZE];
};

int http_call_new(const uv_loop_t *loop, const struct http_request *request, struct http_call **ret,
                  struct error *err);
void http_call_free(struct http_call *call); /* accepts NULL */

/* Runs done() with what has come. code is libcurl's; call->error goes before it. */
void http_call_finish(struct http_call *call, CURLcode code);

/* Everything of the request that libcurl is told. Needs call->easy. */
int http_call_configure(struct http_call *call, const struct http_request *request,
                        struct error *err);

/* Why libcurl gave up, and what to do where that is known. */
int http_call_failure(const struct http_call *call, CURLcode code, struct error *err);

#endif
