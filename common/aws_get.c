/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/aws_get.h"

#define IDLE_TIMEOUT 15000  /* milliseconds without a byte */
#define TOTAL_TIMEOUT 60000 /* milliseconds */
#define COMPLAINT_MAX (16U << 10)

struct get_call {
	struct http_call *http;
	struct aws_asking asking;
	void (*done)(void *context, const struct aws_answer *answer, const char *text,
	             size_t length);
	void *context;
};

static const char *text_of(const cJSON *complaint, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItem(complaint, key));
}

/* "AccessDeniedException:http://internal.amazon.com/…" in the header; "aws.eks#…" in the body of
 * gateways in between. */
static void note_code(char code[static AWS_CODE_MAX], const char *text)
{
	const char *hash = text ? strchr(text, '#') : NULL;
	aws_note(code, AWS_CODE_MAX, hash ? hash + 1 : text);
	code[strcspn(code, ":")] = '\0';
}

static void complain(const struct get_call *call, const struct http_answer *http,
                     struct aws_answer *answer)
{
	char message[AWS_MESSAGE_MAX] = "";
	bool is_short = http->body && http->body_length <= COMPLAINT_MAX;
	cJSON *complaint = is_short ? cJSON_ParseWithLength(http->body, http->body_length) : NULL;
	note_code(answer->code, http->header);
	note_code(answer->code, text_of(complaint, "__type"));
	/* cJSON looks for names in any case: "Message" is one, too. */
	aws_note(message, sizeof(message), text_of(complaint, "message"));
	cJSON_Delete(complaint);
	aws_answer_complain(&call->asking, http->status, message, answer);
}

static void http_done(void *context, const struct http_answer *http)
{
	struct get_call *call = context;
	struct aws_answer answer = {.outcome = AWS_OK, .retry_after = http->retry_after};
	if (http->error.code) {
		answer.outcome = AWS_AGAIN;
		answer.error = http->error;
		error_wrap(&answer.error, "%s", call->asking.action);
	} else if (http->status != 200) {
		complain(call, http, &answer);
	}
	bool good = answer.outcome == AWS_OK;
	call->done(call->context, &answer, good ? http->body : "", good ? http->body_length : 0);
	free(call);
}

int aws_get_start(struct http *http, const struct aws_get *get, struct error *err)
{
	struct get_call *call = calloc(1, sizeof(*call));
	if (!call)
		return error_set(err, -ENOMEM, "%s: out of memory", get->action);
	*call = (struct get_call){.asking = aws_asking_of(get->service, get->action, get->keys),
	                          .done = get->done,
	                          .context = get->context};
	const struct http_signature signature =
		aws_signature_of(get->keys, get->region, get->service);
	const struct http_request request = {.url = get->url,
	                                     .headers = {"Accept: application/json"},
	                                     .header = "x-amzn-errortype",
	                                     .signature = &signature,
	                                     .body_max = AWS_GET_MAX,
	                                     .idle_timeout = IDLE_TIMEOUT,
	                                     .total_timeout = TOTAL_TIMEOUT,
	                                     .done = http_done,
	                                     .context = call};
	int r = http_start(http, &request, &call->http, err);
	if (r < 0)
		free(call);
	return r;
}
