/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hooks/eni-gc/gc_grpc.h"

#define FRAME_HEADER 5 /* bytes: whether it is compressed, and the length in network order */
#define HEAD_MAX (64U << 10)
#define COMPLAINT_MAX 200
#define STATUS_UNIMPLEMENTED 12

struct call {
	const char *socket;
	CURL *easy;
	struct curl_slist *headers;
	struct buffer *body;
	size_t head_seen; /* bytes of headers and trailers */
	long status;      /* -1: the server has not said */
	char complaint[COMPLAINT_MAX];
};

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return isxdigit((unsigned char)digit) ? tolower((unsigned char)digit) - 'a' + 10 : -1;
}

/* grpc-message is percent-encoded. It will stand on somebody's terminal. */
static void keep_complaint(struct call *call, const char *text, size_t length)
{
	size_t used = 0;
	for (size_t at = 0; at < length && used < COMPLAINT_MAX - 1; at++) {
		int byte = (unsigned char)text[at];
		if (byte == '%' && at + 2 < length && hex_value(text[at + 1]) >= 0 &&
		    hex_value(text[at + 2]) >= 0) {
			byte = hex_value(text[at + 1]) * 16 + hex_value(text[at + 2]);
			at += 2;
		}
		call->complaint[used++] = (char)(byte >= ' ' && byte < 0x7f ? byte : '?');
	}
	call->complaint[used] = '\0';
}

static bool header_is(const char *line, size_t length, const char *name, const char **value,
                      size_t *value_length)
{
	size_t size = strlen(name);
	if (length <= size || strncasecmp(line, name, size) != 0 || line[size] != ':')
		return false;
	const char *at = line + size + 1;
	const char *end = line + length;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && isspace((unsigned char)end[-1]))
		end--;
	*value = at;
	*value_length = (size_t)(end - at);
	return true;
}

static long status_number(const char *text, size_t length)
{
	long number = 0;
	if (length == 0 || length > 3)
		return LONG_MAX;
	for (size_t i = 0; i < length; i++) {
		if (!isdigit((unsigned char)text[i]))
			return LONG_MAX;
		number = number * 10 + (text[i] - '0');
	}
	return number;
}

/* Trailers come this way, too, behind the body. */
static size_t on_head(char *line, size_t size, size_t count, void *context)
{
	struct call *call = context;
	size_t length = size * count;
	const char *value;
	size_t value_length;
	call->head_seen += length;
	if (call->head_seen > HEAD_MAX)
		return 0;
	if (header_is(line, length, "grpc-status", &value, &value_length))
		call->status = status_number(value, value_length);
	if (header_is(line, length, "grpc-message", &value, &value_length))
		keep_complaint(call, value, value_length);
	return length;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct call *call = context;
	buffer_add(call->body, data, size * count);
	return call->body->failed ? 0 : size * count;
}

static bool add_header(struct call *call, const char *text)
{
	struct curl_slist *longer = curl_slist_append(call->headers, text);
	if (!longer)
		return false;
	call->headers = longer;
	return true;
}

static int prepare(struct call *call, const char *method, unsigned timeout)
{
	static const char empty_frame[FRAME_HEADER];
	char url[256];
	char deadline[64];
	(void)snprintf(url, sizeof(url), "http://localhost%s", method);
	(void)snprintf(deadline, sizeof(deadline), "grpc-timeout: %um", timeout);
	if (!add_header(call, "content-type: application/grpc") ||
	    !add_header(call, "te: trailers") || !add_header(call, deadline))
		return -ENOMEM;
	CURL *easy = call->easy;
	unsigned bad = curl_easy_setopt(easy, CURLOPT_URL, url);
	bad |= curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, call->socket);
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
	bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout);
	bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
	bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)sizeof(empty_frame));
	bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, empty_frame);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	return bad ? -ENOMEM : 0;
}

static int transport_failure(const struct call *call, CURLcode code, struct error *err)
{
	long system = 0;
	if (call->body->failed)
		return error_set(err, -EMSGSIZE, "%s: the answer exceeds %u bytes", call->socket,
		                 GC_GRPC_MESSAGE_MAX);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return error_set(err, -ETIMEDOUT, "%s: no answer in time", call->socket);
	if (code == CURLE_COULDNT_CONNECT &&
	    curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &system) == CURLE_OK && system > 0)
		return error_set(err, -(int)system, "%s: %s", call->socket, strerror((int)system));
	return error_set(err, -EPROTO, "%s: %s", call->socket, curl_easy_strerror(code));
}

static int status_failure(const struct call *call, struct error *err)
{
	long http = 0;
	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &http);
	if (http != 200)
		return error_set(err, -EPROTO, "%s: HTTP status %ld, no gRPC", call->socket, http);
	if (call->status < 0)
		return error_set(err, -EPROTO, "%s: the answer ends without grpc-status",
		                 call->socket);
	if (call->status == 0)
		return 0;
	return error_set(err, call->status == STATUS_UNIMPLEMENTED ? -EOPNOTSUPP : -EREMOTEIO,
	                 "%s: gRPC status %ld: %s", call->socket, call->status,
	                 call->complaint[0] ? call->complaint : "no reason given");
}

/* The one frame that the body has to be, its header taken off. */
static int unwrap(const struct call *call, struct error *err)
{
	struct buffer *body = call->body;
	const unsigned char *head = (const unsigned char *)body->text;
	if (body->length < FRAME_HEADER)
		return error_set(err, -EBADMSG, "%s: the answer has no message", call->socket);
	if (head[0] != 0)
		return error_set(err, -EBADMSG, "%s: the answer is compressed, unasked",
		                 call->socket);
	size_t length =
		(size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
	if (length != body->length - FRAME_HEADER)
		return error_set(err, -EBADMSG, "%s: a message of %zu bytes announced, %zu came",
		                 call->socket, length, body->length - FRAME_HEADER);
	memmove(body->text, body->text + FRAME_HEADER, length + 1);
	body->length = length;
	return 0;
}

int gc_grpc_call(const char *socket, const char *method, unsigned timeout, struct buffer *ret,
                 struct error *err)
{
	*ret = (struct buffer){.max = FRAME_HEADER + GC_GRPC_MESSAGE_MAX + 1};
	struct call call = {.socket = socket, .easy = curl_easy_init(), .body = ret, .status = -1};
	int r = call.easy ? prepare(&call, method, timeout) : -ENOMEM;
	if (r < 0) {
		(void)error_set(err, r, "%s: out of memory", socket);
		goto out;
	}
	CURLcode code = curl_easy_perform(call.easy);
	r = code == CURLE_OK ? status_failure(&call, err) : transport_failure(&call, code, err);
	if (r == 0)
		r = unwrap(&call, err);
out:
	curl_easy_cleanup(call.easy);
	curl_slist_free_all(call.headers);
	return r;
}
