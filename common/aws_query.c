/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/aws_query.h"
#include "common/xml.h"

#define IDLE_TIMEOUT 15000  /* milliseconds without a byte */
#define TOTAL_TIMEOUT 60000 /* of a page */

struct aws_call {
	struct http_call *http;
	struct aws_asking asking;
	int (*received)(void *context, const char *data, size_t length, struct error *err);
	void (*done)(void *context, const struct aws_answer *answer);
	void *context;
	bool begun; /* a part of the answer was handed on */
	int broken; /* below 0: it was not liked */
};

struct complaint {
	char *code;
	char *message;
};

static const struct {
	const char *code;
	enum aws_outcome outcome;
} outcomes[] = {
	{"RequestLimitExceeded", AWS_AGAIN},
	{"Throttling", AWS_AGAIN},
	{"ThrottlingException", AWS_AGAIN},
	{"ThrottledException", AWS_AGAIN},
	{"RequestThrottled", AWS_AGAIN},
	{"RequestThrottledException", AWS_AGAIN},
	{"EC2ThrottledException", AWS_AGAIN},
	{"TooManyRequestsException", AWS_AGAIN},
	{"BandwidthLimitExceeded", AWS_AGAIN},
	{"SlowDown", AWS_AGAIN},
	{"InternalError", AWS_AGAIN},
	{"InternalFailure", AWS_AGAIN},
	{"ServiceUnavailable", AWS_AGAIN},
	{"Unavailable", AWS_AGAIN},
	{"RequestTimeout", AWS_AGAIN},
	{"ExpiredToken", AWS_REJECTED},
	{"ExpiredTokenException", AWS_REJECTED},
	{"AuthFailure", AWS_REJECTED},
	{"InvalidClientTokenId", AWS_REJECTED},
	{"UnrecognizedClientException", AWS_REJECTED},
	{"RequestExpired", AWS_REJECTED},
	{"InvalidGroup.NotFound", AWS_NOT_FOUND},
	{"InvalidGroupId.Malformed", AWS_NOT_FOUND},
	{"InvalidNetworkInterfaceID.NotFound", AWS_NOT_FOUND},
	{"InvalidPrefixListID.NotFound", AWS_NOT_FOUND},
	{"InvalidPrefixListId.NotFound", AWS_NOT_FOUND},
	{"InvalidPrefixListID.Malformed", AWS_NOT_FOUND},
	{"InvalidPrefixListId.Malformed", AWS_NOT_FOUND},
	{"InvalidVpcID.NotFound", AWS_NOT_FOUND},
	{"ResourceNotFoundException", AWS_NOT_FOUND},
};

static void encode(struct buffer *form, const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	while (*text) {
		size_t length = strspn(text, plain);
		buffer_add(form, text, length);
		text += length;
		if (*text)
			buffer_add_format(form, "%%%02X", (unsigned char)*text++);
	}
}

void aws_form_begin(struct buffer *form, const char *action, const char *version)
{
	buffer_clear(form);
	form->max = AWS_FORM_MAX;
	buffer_add_format(form, "Action=%s&Version=%s", action, version);
}

void aws_form_add(struct buffer *form, const char *name, const char *value)
{
	buffer_add_format(form, "&%s=", name);
	encode(form, value);
}

void aws_form_add_nth(struct buffer *form, const char *name, size_t i, const char *value)
{
	buffer_add_format(form, "&%s.%zu=", name, i);
	encode(form, value);
}

static int complaint_start(void *context, const char *name, struct error *err)
{
	(void)context;
	(void)name;
	(void)err;
	return 0;
}

void aws_note(char *into, size_t size, const char *text)
{
	if (into[0] || !text)
		return;
	snprintf(into, size, "%s", text);
	for (char *at = into; *at; at++)
		if ((unsigned char)*at < ' ' || (unsigned char)*at > '~')
			*at = '?';
}

static int complaint_end(void *context, const char *name, const char *text, struct error *err)
{
	struct complaint *complaint = context;
	(void)err;
	if (strcmp(name, "Code") == 0)
		aws_note(complaint->code, AWS_CODE_MAX, text);
	else if (strcmp(name, "Message") == 0)
		aws_note(complaint->message, AWS_MESSAGE_MAX, text);
	return 0;
}

void aws_complaint_parse(const char *text, size_t length, char code[static AWS_CODE_MAX],
                         char message[static AWS_MESSAGE_MAX])
{
	struct complaint complaint = {.code = code, .message = message};
	const struct xml_handler handler = {
		.start = complaint_start, .end = complaint_end, .context = &complaint};
	struct xml *xml;
	code[0] = '\0';
	message[0] = '\0';
	if (xml_open("error", &handler, &xml, NULL) < 0)
		return;
	/* One that breaks off may have said enough. */
	(void)xml_feed(xml, text, length, NULL);
	xml_close(xml);
}

enum aws_outcome aws_outcome_of(int status, const char *code)
{
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (strcmp(code, outcomes[i].code) == 0)
			return outcomes[i].outcome;
	return status >= 500 || status == 429 || status == 408 ? AWS_AGAIN : AWS_REFUSED;
}

bool aws_is_denied(const char *code)
{
	return strcmp(code, "UnauthorizedOperation") == 0 || strcmp(code, "AccessDenied") == 0 ||
	       strcmp(code, "AccessDeniedException") == 0;
}

struct aws_asking aws_asking_of(const char *service, const char *action,
                                const struct aws_keys *keys)
{
	struct aws_asking asking;
	snprintf(asking.service, sizeof(asking.service), "%s", service);
	snprintf(asking.action, sizeof(asking.action), "%s", action);
	snprintf(asking.origin, sizeof(asking.origin), "%s", keys->origin);
	return asking;
}

struct http_signature aws_signature_of(const struct aws_keys *keys, const char *region,
                                       const char *service)
{
	return (struct http_signature){.access_key = keys->access_key,
	                               .secret_key = keys->secret_key,
	                               .session_token =
	                                       keys->session_token[0] ? keys->session_token : NULL,
	                               .region = region,
	                               .service = service};
}

void aws_answer_complain(const struct aws_asking *asking, int status, const char *message,
                         struct aws_answer *answer)
{
	const char *code = answer->code, *action = asking->action;
	answer->outcome = aws_outcome_of(status, code);
	if (aws_is_denied(code))
		error_set(&answer->error, -EACCES, "%s: %s: allow %s:%s to %s (IAM)", action, code,
		          asking->service, action, asking->origin);
	else if (answer->outcome == AWS_REJECTED)
		error_set(&answer->error, -EKEYREJECTED, "%s: %s: keys of %s: %s", action, code,
		          asking->origin, message);
	else if (code[0])
		error_set(&answer->error, -EREMOTEIO, "%s: %s: %s", action, code, message);
	else
		error_set(&answer->error, -EREMOTEIO, "%s: HTTP status %d", action, status);
}

static void judge(const struct aws_call *call, const struct http_answer *http,
                  struct aws_answer *answer)
{
	char message[AWS_MESSAGE_MAX];
	answer->retry_after = http->retry_after;
	if (call->broken || http->error.code) {
		/* Half an answer cannot be taken back by asking for the other half. */
		answer->outcome = call->broken || call->begun ? AWS_REFUSED : AWS_AGAIN;
		answer->error = http->error;
		error_wrap(&answer->error, "%s", call->asking.action);
	} else if (http->status != 200) {
		aws_complaint_parse(http->body, http->body_length, answer->code, message);
		aws_answer_complain(&call->asking, http->status, message, answer);
	}
}

static void http_done(void *context, const struct http_answer *http)
{
	struct aws_call *call = context;
	struct aws_answer answer = {.outcome = AWS_OK};
	judge(call, http, &answer);
	call->done(call->context, &answer);
	free(call);
}

static int http_received(void *context, const char *data, size_t length, struct error *err)
{
	struct aws_call *call = context;
	call->begun = true;
	call->broken = call->received(call->context, data, length, err);
	return call->broken;
}

int aws_query_start(struct http *http, const struct aws_query *query, struct aws_call **ret,
                    struct error *err)
{
	if (query->form->failed)
		return error_set(err, -EFBIG, "%s: the request is too large, or out of memory",
		                 query->action);
	struct aws_call *call = calloc(1, sizeof(*call));
	if (!call)
		return error_set(err, -ENOMEM, "%s: out of memory", query->action);
	call->received = query->received;
	call->done = query->done;
	call->context = query->context;
	call->asking = aws_asking_of(query->service, query->action, query->keys);
	const struct http_signature signature =
		aws_signature_of(query->keys, query->region, query->service);
	const struct http_request request = {
		.method = "POST",
		.url = query->endpoint,
		.headers = {"Content-Type: application/x-www-form-urlencoded; charset=utf-8"},
		.body = query->form->text,
		.body_length = query->form->length,
		.signature = &signature,
		.body_max = XML_SIZE_MAX,
		.idle_timeout = IDLE_TIMEOUT,
		.total_timeout = TOTAL_TIMEOUT,
		.received = http_received,
		.done = http_done,
		.context = call};
	int r = http_start(http, &request, &call->http, err);
	if (r < 0)
		free(call);
	else
		*ret = call;
	return r;
}

void aws_query_cancel(struct aws_call *call)
{
	if (!call)
		return;
	http_cancel(call->http);
	free(call);
}
