/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/http_call.h"

#define NAMES_SHOWN_MAX 200

static const struct {
	CURLcode code;
	int error;
} failures[] = {
	{CURLE_OUT_OF_MEMORY, -ENOMEM},
	{CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH},
	{CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH},
	{CURLE_COULDNT_CONNECT, -ECONNREFUSED},
	{CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT},
	{CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED},
	{CURLE_SSL_CERTPROBLEM, -EKEYREJECTED},
	{CURLE_SSL_CACERT_BADFILE, -EKEYREJECTED},
	{CURLE_SSL_CONNECT_ERROR, -EPROTO},
	{CURLE_UNSUPPORTED_PROTOCOL, -EBADMSG},
	{CURLE_WEIRD_SERVER_REPLY, -EBADMSG},
	{CURLE_BAD_CONTENT_ENCODING, -EBADMSG},
	{CURLE_GOT_NOTHING, -ECONNRESET},
	{CURLE_PARTIAL_FILE, -ECONNRESET},
	{CURLE_RECV_ERROR, -ECONNRESET},
	{CURLE_SEND_ERROR, -ECONNRESET},
	{CURLE_HTTP2, -ECONNRESET},
	{CURLE_HTTP2_STREAM, -ECONNRESET},
};

/* What libcurl and OpenSSL say, and what a person can do about it. */
static const struct {
	const char *said;
	const char *advice;
} advices[] = {
	{"certificate has expired", "renew the server's certificate, or set this node's clock"},
	{"certificate is not yet valid", "set this node's clock, or the server's"},
	{"unable to get local issuer certificate", "the given authority did not sign it"},
	{"self-signed certificate", "the given authority did not sign it"},
	{"self signed certificate", "the given authority did not sign it"},
	{"certificate signature failure", "the given authority did not sign it"},
	{"alert certificate required", "the server wants a client certificate"},
	{"alert unknown ca", "the server does not know the authority of the client certificate"},
	{"alert bad certificate", "the server refuses the client certificate"},
	{"alert certificate expired", "the client certificate has expired"},
	{"getpeername() failed", "the server hung up at once; it may want a client certificate"},
	{"wrong version number", "the server does not speak TLS on this port"},
	{"HTTP/0.9", "the server does not speak HTTP on this port"},
	{"private key", "the client's key must belong to its certificate"},
};

static int failure_errno(const struct http_call *call, CURLcode code)
{
	long system = 0;
	if (code == CURLE_COULDNT_CONNECT &&
	    curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &system) == CURLE_OK && system > 0)
		return -(int)system;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (failures[i].code == code)
			return failures[i].error;
	return -EIO;
}

static const char *find_advice(const char *text)
{
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (strstr(text, advices[i].said))
			return advices[i].advice;
	return NULL;
}

/* The names in the server's own certificate, which is the first of the chain; NULL: not known. */
static const char *certificate_names(const struct http_call *call)
{
	static const char prefix[] = "X509v3 Subject Alternative Name:";
	const struct curl_certinfo *info = NULL;
	if (curl_easy_getinfo(call->easy, CURLINFO_CERTINFO, &info) != CURLE_OK || !info ||
	    info->num_of_certs < 1)
		return NULL;
	for (const struct curl_slist *line = info->certinfo[0]; line; line = line->next)
		if (strncmp(line->data, prefix, sizeof(prefix) - 1) == 0)
			return line->data + sizeof(prefix) - 1;
	return NULL;
}

static bool is_wrong_name(const char *text)
{
	return strstr(text, "match target host name") || strstr(text, "matches target host name");
}

/* "certificate is for DNS:a, DNS:b, not c" */
static int wrong_name(const struct http_call *call, struct error *err)
{
	const char *names = certificate_names(call);
	char *host = NULL;
	if (!names || curl_url_get(call->url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return 0;
	int r = error_set(err, -EKEYREJECTED, "%s: certificate is for %.*s, not %s", call->what,
	                  NAMES_SHOWN_MAX, names, host);
	curl_free(host);
	return r;
}

int http_call_failure(const struct http_call *call, CURLcode code, struct error *err)
{
	const char *text = call->curl_text[0] ? call->curl_text : curl_easy_strerror(code);
	int error = failure_errno(call, code);
	const char *advice = find_advice(text);
	if (is_wrong_name(text) && wrong_name(call, err) < 0)
		return -EKEYREJECTED;
	if (code == CURLE_COULDNT_CONNECT)
		return error_set(err, error, "%s: cannot connect: %s", call->what,
		                 strerror(-error));
	if (advice)
		return error_set(err, error, "%s: %s: %s", call->what, text, advice);
	return error_set(err, error, "%s: %s", call->what, text);
}
