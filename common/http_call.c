/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/http_call.h"

#define HEAD_MAX (64U << 10)
#define RETRY_AFTER_MAX 3600 /* no server may silence us for longer */

static long status_of(const struct http_call *call)
{
	long status = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool is_success(const struct http_call *call)
{
	long status = status_of(call);
	return status >= 200 && status < 300;
}

/* "Name: value", and the end of the line. */
static void keep_header(struct http_call *call, const char *line, size_t length)
{
	size_t name = strlen(call->wanted);
	if (length <= name || line[name] != ':' || strncasecmp(line, call->wanted, name) != 0)
		return;
	const char *value = line + name + 1;
	length -= name + 1;
	while (length > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		length--;
	}
	while (length > 0 && strchr(" \t\r\n", value[length - 1]))
		length--;
	snprintf(call->header, sizeof(call->header), "%.*s", (int)length, value);
}

static size_t on_head(char *data, size_t size, size_t count, void *context)
{
	struct http_call *call = context;
	size_t length = size * count;
	if (call->cancelled)
		return 0;
	call->heard = uv_now(call->loop);
	call->head_seen += length;
	if (call->head_seen > HEAD_MAX) {
		error_set(&call->error, -EMSGSIZE, "%s: the headers of the answer exceed %u bytes",
		          call->what, HEAD_MAX);
		return 0;
	}
	/* A final answer may come behind an interim one. */
	if (length > 5 && memcmp(data, "HTTP/", 5) == 0) {
		call->head_whole = false;
		call->header[0] = '\0';
	}
	if (call->wanted)
		keep_header(call, data, length);
	if (length <= 2 && (data[0] == '\r' || data[0] == '\n'))
		call->head_whole = true;
	if (call->head_whole && call->begun && is_success(call)) {
		void (*begun)(void *) = call->begun;
		call->begun = NULL;
		begun(call->context);
	}
	return call->cancelled ? 0 : length;
}

static bool collect(struct http_call *call, const char *data, size_t length)
{
	size_t needed = call->body_length + length + 1;
	if (needed > call->body_capacity) {
		size_t doubled = 2 * call->body_capacity;
		size_t capacity = needed > doubled ? needed : doubled;
		char *body = realloc(call->body, capacity);
		if (!body) {
			error_set(&call->error, -ENOMEM, "%s: out of memory", call->what);
			return false;
		}
		call->body = body;
		call->body_capacity = capacity;
	}
	memcpy(call->body + call->body_length, data, length);
	call->body_length += length;
	call->body[call->body_length] = '\0';
	return true;
}

static bool hand_over(struct http_call *call, const char *data, size_t length)
{
	struct error err = {0};
	int r = call->received(call->context, data, length, &err);
	if (call->cancelled)
		return false;
	if (r >= 0)
		return true;
	error_set(&err, r, "%s", strerror(-r));
	call->error = err;
	error_wrap(&call->error, "%s", call->what);
	return false;
}

/* What a server complains about at length is read no further than a sentence can use. */
static size_t body_limit(const struct http_call *call, bool streamed)
{
	if (streamed)
		return call->body_max > 0 ? call->body_max : SIZE_MAX;
	size_t limit = call->received ? HTTP_COMPLAINT_MAX : HTTP_BODY_MAX;
	return call->body_max > 0 && (!call->received || call->body_max < limit) ? call->body_max
	                                                                         : limit;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct http_call *call = context;
	size_t length = size * count;
	bool streamed = call->received && is_success(call);
	if (call->cancelled)
		return 0;
	call->heard = uv_now(call->loop);
	call->body_seen += length;
	if (call->body_seen > body_limit(call, streamed)) {
		error_set(&call->error, -EMSGSIZE, "%s: the answer exceeds %zu bytes", call->what,
		          body_limit(call, streamed));
		return 0;
	}
	bool taken = streamed ? hand_over(call, data, length) : collect(call, data, length);
	return taken ? length : 0;
}

int http_call_new(const uv_loop_t *loop, const struct http_request *request, struct http_call **ret,
                  struct error *err)
{
	struct http_call *call = calloc(1, sizeof(*call));
	if (!call)
		return error_set(err, -ENOMEM, "out of memory");
	*call = (struct http_call){.easy = curl_easy_init(),
	                           .begun = request->begun,
	                           .received = request->received,
	                           .done = request->done,
	                           .context = request->context,
	                           .body_max = request->body_max,
	                           .loop = loop,
	                           .idle_timeout = request->idle_timeout,
	                           .total_timeout = request->total_timeout};
	if (request->header)
		call->wanted = strdup(request->header);
	if (!call->easy || (request->header && !call->wanted)) {
		http_call_free(call);
		return error_set(err, -ENOMEM, "out of memory");
	}
	unsigned bad = curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
	bad |= curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_head);
	bad |= curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call);
	bad |= curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
	int r = bad ? error_set(err, -ENOMEM, "out of memory")
	            : http_call_configure(call, request, err);
	if (r < 0) {
		http_call_free(call);
		return r;
	}
	*ret = call;
	return 0;
}

void http_call_free(struct http_call *call)
{
	if (!call)
		return;
	curl_easy_cleanup(call->easy);
	curl_url_cleanup(call->url);
	curl_slist_free_all(call->headers);
	curl_slist_free_all(call->connect_to);
	free(call->what);
	free(call->wanted);
	free(call->body);
	free(call);
}

/* libcurl reads both forms of the header. */
static unsigned retry_after(const struct http_call *call)
{
	curl_off_t seconds = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &seconds);
	if (seconds <= 0)
		return 0;
	return seconds > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : (unsigned)seconds;
}

void http_call_finish(struct http_call *call, CURLcode code)
{
	curl_off_t until_sent = 0;
	curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &until_sent);
	struct http_answer answer = {.status = (int)status_of(call),
	                             .connected = until_sent > 0,
	                             .retry_after = retry_after(call),
	                             .header = call->header,
	                             .body_length = call->body_length,
	                             .error = call->error};
	if (!call->received || !is_success(call))
		answer.body = call->body ? call->body : "";
	if (code != CURLE_OK && answer.error.code == 0)
		(void)http_call_failure(call, code, &answer.error);
	else if (code == CURLE_OK && !call->head_whole)
		error_set(&answer.error, -ECONNRESET, "%s: cut off in the headers of the answer",
		          call->what);
	call->done(call->context, &answer);
}
