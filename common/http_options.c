/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_call.h"

#define CONNECT_TIMEOUT 5000 /* milliseconds */
#define PATH_SHOWN_MAX 160

/* A peer that went without a word is noticed after a minute. */
#define KEEPALIVE_IDLE 30 /* seconds */
#define KEEPALIVE_INTERVAL 10
#define KEEPALIVE_PROBES 3
#define KEEPALIVE_TOTAL ((KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_PROBES) * 1000)

static int no_memory(const struct http_call *call, struct error *err)
{
	return error_set(err, -ENOMEM, "%s: out of memory", call->what ? call->what : "HTTP");
}

static int prepare_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
	static const struct {
		int level;
		int option;
		int value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, KEEPALIVE_TOTAL},
	};
	(void)context;
	(void)purpose;
	/* libcurl leaves it open for the programs that we start. */
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].option, &options[i].value,
		                 sizeof(options[i].value));
	return CURL_SOCKOPT_OK;
}

static const char *method_of(const struct http_request *request)
{
	if (request->method)
		return request->method;
	return request->body ? "POST" : "GET";
}

static bool sends_body(const struct http_request *request)
{
	const char *method = method_of(request);
	return request->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	       strcmp(method, "PATCH") == 0;
}

static int parse_url(struct http_call *call, const char *url, struct error *err)
{
	char *scheme = NULL;
	call->url = curl_url();
	if (!call->url)
		return no_memory(call, err);
	CURLUcode code = curl_url_set(call->url, CURLUPART_URL, url, CURLU_DISALLOW_USER);
	if (code == CURLUE_OUT_OF_MEMORY)
		return no_memory(call, err);
	if (code == CURLUE_USER_NOT_ALLOWED)
		return error_set(err, -EINVAL, "a user or password in a URL is not supported");
	if (code != CURLUE_OK)
		return error_set(err, -EINVAL, "not a URL: %s", curl_url_strerror(code));
	if (curl_url_get(call->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return no_memory(call, err);
	int r = 0;
	if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		r = error_set(err, -EINVAL, "%s: only http and https URLs are supported", scheme);
	curl_free(scheme);
	return r;
}

static char *url_part(const struct http_call *call, CURLUPart part)
{
	char *text = NULL;
	return curl_url_get(call->url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

/* "https://host:port/path": whatever else a URL holds may be secret. */
static int describe(struct http_call *call, const char *method, struct error *err)
{
	char *scheme = url_part(call, CURLUPART_SCHEME);
	char *host = url_part(call, CURLUPART_HOST);
	char *port = url_part(call, CURLUPART_PORT);
	char *path = url_part(call, CURLUPART_PATH);
	int r = 0;
	if (!scheme || !host || !path ||
	    asprintf(&call->what, "%s %s://%s%s%s%.*s", method, scheme, host, port ? ":" : "",
	             port ? port : "", PATH_SHOWN_MAX, path) < 0) {
		call->what = NULL;
		r = no_memory(call, err);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(path);
	return r;
}

static int add_header(struct http_call *call, const char *header, struct error *err)
{
	/* It would end this header and begin one of its own. */
	if (strpbrk(header, "\r\n"))
		return error_set(err, -EINVAL, "%s: a header with a line break in it", call->what);
	struct curl_slist *longer = curl_slist_append(call->headers, header);
	if (!longer)
		return no_memory(call, err);
	call->headers = longer;
	return 0;
}

static int __attribute__((format(printf, 3, 4)))
add_made_header(struct http_call *call, struct error *err, const char *format, ...)
{
	char *header = NULL;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&header, format, arguments);
	va_end(arguments);
	if (length < 0)
		return no_memory(call, err);
	int r = add_header(call, header, err);
	free(header);
	return r;
}

static int set_headers(struct http_call *call, const struct http_request *request,
                       struct error *err)
{
	const struct http_signature *signature = request->signature;
	int r = 0;
	for (size_t i = 0; r == 0 && i < HTTP_HEADERS_MAX && request->headers[i]; i++)
		r = add_header(call, request->headers[i], err);
	/* libcurl would wait for the server's leave to send a body of a megabyte. It would also
	 * sign this header, which is never sent. */
	if (r == 0 && !signature)
		r = add_header(call, "Expect:", err);
	if (r == 0 && signature && signature->session_token)
		r = add_made_header(call, err, "X-Amz-Security-Token: %s",
		                    signature->session_token);
	if (r == 0 && curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers) != CURLE_OK)
		r = no_memory(call, err);
	return r;
}

/* libcurl asks for and verifies the URL's host, so that becomes the certificate's name; the
 * connection and the header go to the real one. */
static int rename_server(struct http_call *call, const char *name, struct error *err)
{
	char *host = url_part(call, CURLUPART_HOST);
	char *port = url_part(call, CURLUPART_PORT);
	char *target = NULL;
	int r = 0;
	if (!host || asprintf(&target, "::%s:%s", host, port ? port : "") < 0) {
		target = NULL;
		r = no_memory(call, err);
	} else {
		call->connect_to = curl_slist_append(NULL, target);
		if (!call->connect_to ||
		    curl_easy_setopt(call->easy, CURLOPT_CONNECT_TO, call->connect_to) != CURLE_OK)
			r = no_memory(call, err);
	}
	if (r == 0)
		r = add_made_header(call, err, "Host: %s%s%s", host, port ? ":" : "",
		                    port ? port : "");
	if (r == 0 && curl_url_set(call->url, CURLUPART_HOST, name, 0) != CURLUE_OK)
		r = error_set(err, -EINVAL, "%s: not a server's name: %s", call->what, name);
	free(target);
	curl_free(host);
	curl_free(port);
	return r;
}

static CURLcode set_blob(CURL *easy, CURLoption option, const char *pem)
{
	struct curl_blob blob = {.flags = CURL_BLOB_COPY};
	if (!pem)
		return CURLE_OK;
	blob.len = strlen(pem);
	memcpy(&blob.data, &pem, sizeof(pem));
	return curl_easy_setopt(easy, option, &blob);
}

static int set_tls(struct http_call *call, const struct http_tls *tls, struct error *err)
{
	CURL *easy = call->easy;
	unsigned bad = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (!tls)
		return bad ? no_memory(call, err) : 0;
	/* The system's authorities must not vouch where others are given. */
	if (tls->ca_file || tls->ca_pem) {
		bad |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca_file);
		/* libcurl would keep what it read of the file for a day. */
		bad |= curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	}
	bad |= set_blob(easy, CURLOPT_CAINFO_BLOB, tls->ca_pem);
	bad |= curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->certificate_file);
	bad |= curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key_file);
	bad |= set_blob(easy, CURLOPT_SSLCERT_BLOB, tls->certificate_pem);
	bad |= set_blob(easy, CURLOPT_SSLKEY_BLOB, tls->key_pem);
	if (tls->insecure) {
		bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (bad)
		return error_set(err, -ENOMEM, "%s: cannot set up TLS", call->what);
	return tls->server_name ? rename_server(call, tls->server_name, err) : 0;
}

static int set_signature(struct http_call *call, const struct http_signature *signature,
                         struct error *err)
{
	char provider[256];
	if (!signature)
		return 0;
	int length = snprintf(provider, sizeof(provider), "aws:amz:%s:%s", signature->region,
	                      signature->service);
	if (length < 0 || (size_t)length >= sizeof(provider))
		return error_set(err, -EINVAL, "%s: not a region: too long", call->what);
	unsigned bad = curl_easy_setopt(call->easy, CURLOPT_AWS_SIGV4, provider);
	bad |= curl_easy_setopt(call->easy, CURLOPT_USERNAME, signature->access_key);
	bad |= curl_easy_setopt(call->easy, CURLOPT_PASSWORD, signature->secret_key);
	return bad ? no_memory(call, err) : 0;
}

static int set_method(struct http_call *call, const struct http_request *request, struct error *err)
{
	CURL *easy = call->easy;
	const char *method = method_of(request);
	unsigned bad = 0;
	if (sends_body(request)) {
		const char *body = request->body ? request->body : "";
		curl_off_t length = request->body ? (curl_off_t)request->body_length : 0;
		bad |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
		bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, length);
		bad |= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
	} else if (strcmp(method, "HEAD") == 0) {
		bad |= curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	}
	bad |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	return bad ? no_memory(call, err) : 0;
}

static int set_connection(struct http_call *call, const struct http_request *request,
                          struct error *err)
{
	CURL *easy = call->easy;
	long connect_timeout =
		request->connect_timeout > 0 ? (long)request->connect_timeout : CONNECT_TIMEOUT;
	unsigned bad = curl_easy_setopt(easy, CURLOPT_CURLU, call->url);
	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Or a call that is cancelled while a name is being resolved would block the loop. */
	bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, prepare_socket);
	bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout);
	bad |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_text);
	/* For "certificate is for X". */
	bad |= curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
	if (request->direct || request->proxy)
		bad |= curl_easy_setopt(easy, CURLOPT_PROXY, request->direct ? "" : request->proxy);
	return bad ? no_memory(call, err) : 0;
}

int http_call_configure(struct http_call *call, const struct http_request *request,
                        struct error *err)
{
	int r = parse_url(call, request->url, err);
	if (r == 0)
		r = describe(call, method_of(request), err);
	if (r == 0)
		r = set_connection(call, request, err);
	if (r == 0)
		r = set_method(call, request, err);
	if (r == 0)
		r = set_signature(call, request->signature, err);
	if (r == 0)
		r = set_tls(call, request->tls, err);
	if (r == 0)
		r = set_headers(call, request, err);
	return r;
}
