/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/aws_imds.h"
#include "common/aws_profile.h"

#define ENDPOINT "http://169.254.169.254"
#define ENDPOINT_IPV6 "http://[fd00:ec2::254]"
#define TOKEN_SECONDS 21600
#define TOKEN_RESERVE 60 /* seconds before its end when a new one is asked for */
#define TOKEN_MAX 512
#define URL_MAX 512
#define ANSWER_MAX (256U << 10)
#define CONNECT_TIMEOUT 1000 /* milliseconds: it is at hand, or not at all */
#define TOTAL_TIMEOUT 3000

struct imds {
	struct http *http;
	char endpoint[URL_MAX / 2];
	char token[TOKEN_MAX + 1]; /* "" = none */
	time_t token_end;          /* CLOCK_MONOTONIC */
};

struct imds_call {
	struct imds *imds;
	struct http_call *http;
	char url[URL_MAX];
	bool renewed; /* a token that was refused has been replaced once */
	void (*done)(void *context, const struct imds_answer *answer);
	void *context;
};

static time_t monotonic_seconds(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void finish(struct imds_call *call, const struct imds_answer *answer)
{
	call->http = NULL;
	call->done(call->context, answer);
	free(call);
}

static void finish_error(struct imds_call *call, const struct error *failure)
{
	finish(call, &(struct imds_answer){.text = "", .error = *failure});
}

/* Why there was no answer at all. A hop limit of 1 lets the connection come about and then drops
 * the answer to the PUT in the first router, which is what a container is behind. */
static int silence(const struct http_answer *answer, bool for_token, struct error *err)
{
	const char *why = answer->error.text;
	if (answer->error.code == -ETIMEDOUT && answer->connected && for_token)
		return error_set(err, -ETIMEDOUT,
		                 "IMDS takes the connection but does not answer: the instance's "
		                 "HttpPutResponseHopLimit is too low for where this runs (%s)",
		                 why);
	if (answer->connected)
		return error_set(err, answer->error.code, "IMDS: %s", why);
	return error_set(err, -EHOSTUNREACH, "there is no IMDS here, or it is cut off: %s", why);
}

static int refusal(const struct http_answer *answer, bool for_token, const char *url,
                   struct error *err)
{
	if (answer->status == 403)
		return error_set(err, -EACCES,
		                 "IMDS answers 403: the instance's HttpEndpoint is disabled, or a "
		                 "proxy of the node forbids it");
	if (answer->status == 404 && !for_token)
		return error_set(err, -ENOENT, "IMDS has no %s", url);
	if (for_token)
		return error_set(err, -EPROTO, "IMDS gives no token: status %d; IMDSv2 is needed",
		                 answer->status);
	return error_set(err, -EPROTO, "IMDS: %s: status %d", url, answer->status);
}

/* 0 where the answer is what was asked for. */
static int check(const struct http_answer *answer, bool for_token, const char *url,
                 struct error *err)
{
	if (answer->error.code)
		return silence(answer, for_token, err);
	if (answer->status != 200)
		return refusal(answer, for_token, url, err);
	return 0;
}

static int ask_token(struct imds_call *call, struct error *err);

static void got_answer(void *context, const struct http_answer *answer)
{
	struct imds_call *call = context;
	struct error failure = {0};
	call->http = NULL;
	if (!answer->error.code && answer->status == 401 && !call->renewed) {
		call->renewed = true;
		call->imds->token[0] = '\0';
		if (ask_token(call, &failure) == 0)
			return;
	} else if (check(answer, false, call->url, &failure) == 0) {
		finish(call,
		       &(struct imds_answer){.text = answer->body, .length = answer->body_length});
		return;
	}
	finish_error(call, &failure);
}

static int ask(struct imds_call *call, struct error *err)
{
	char header[TOKEN_MAX + 64];
	snprintf(header, sizeof(header), "X-aws-ec2-metadata-token: %s", call->imds->token);
	const struct http_request request = {.url = call->url,
	                                     .headers = {header},
	                                     .direct = true,
	                                     .body_max = ANSWER_MAX,
	                                     .connect_timeout = CONNECT_TIMEOUT,
	                                     .total_timeout = TOTAL_TIMEOUT,
	                                     .done = got_answer,
	                                     .context = call};
	return http_start(call->imds->http, &request, &call->http, err);
}

static int take_token(struct imds *imds, const struct http_answer *answer, struct error *err)
{
	size_t length = answer->body_length;
	for (size_t i = 0; i < length; i++)
		if (answer->body[i] <= ' ' || answer->body[i] >= 0x7f)
			length = 0;
	if (length == 0 || length > TOKEN_MAX)
		return error_set(err, -EPROTO, "IMDS gives a token that is none");
	memcpy(imds->token, answer->body, length + 1);
	imds->token_end = monotonic_seconds() + TOKEN_SECONDS - TOKEN_RESERVE;
	return 0;
}

static void got_token(void *context, const struct http_answer *answer)
{
	struct imds_call *call = context;
	struct error failure = {0};
	call->http = NULL;
	int r = check(answer, true, call->url, &failure);
	if (r == 0)
		r = take_token(call->imds, answer, &failure);
	if (r == 0)
		r = ask(call, &failure);
	if (r < 0)
		finish_error(call, &failure);
}

static int ask_token(struct imds_call *call, struct error *err)
{
	char url[URL_MAX];
	char header[64];
	snprintf(url, sizeof(url), "%s/latest/api/token", call->imds->endpoint);
	snprintf(header, sizeof(header), "X-aws-ec2-metadata-token-ttl-seconds: %d", TOKEN_SECONDS);
	const struct http_request request = {.method = "PUT",
	                                     .url = url,
	                                     .headers = {header},
	                                     .direct = true,
	                                     .body_max = ANSWER_MAX,
	                                     .connect_timeout = CONNECT_TIMEOUT,
	                                     .total_timeout = TOTAL_TIMEOUT,
	                                     .done = got_token,
	                                     .context = call};
	return http_start(call->imds->http, &request, &call->http, err);
}

bool imds_is_disabled(void)
{
	const char *value = aws_environment("AWS_EC2_METADATA_DISABLED");
	return value && strcasecmp(value, "true") == 0;
}

static const char *configured_endpoint(void)
{
	const char *endpoint = aws_environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = aws_environment("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	if (endpoint)
		return endpoint;
	return mode && strcasecmp(mode, "ipv6") == 0 ? ENDPOINT_IPV6 : ENDPOINT;
}

int imds_open(struct http *http, struct imds **ret, struct error *err)
{
	const char *endpoint = configured_endpoint();
	size_t length = strlen(endpoint);
	while (length > 0 && endpoint[length - 1] == '/')
		length--;
	struct imds *imds = calloc(1, sizeof(*imds));
	if (!imds)
		return error_set(err, -ENOMEM, "out of memory");
	imds->http = http;
	if (length >= sizeof(imds->endpoint)) {
		free(imds);
		return error_set(err, -EINVAL,
		                 "AWS_EC2_METADATA_SERVICE_ENDPOINT: longer than %zu bytes",
		                 sizeof(imds->endpoint) - 1);
	}
	memcpy(imds->endpoint, endpoint, length);
	*ret = imds;
	return 0;
}

void imds_close(struct imds *imds)
{
	free(imds);
}

int imds_get(struct imds *imds, const char *path,
             void (*done)(void *context, const struct imds_answer *answer), void *context,
             struct imds_call **ret, struct error *err)
{
	if (imds_is_disabled())
		return error_set(err, -EHOSTUNREACH,
		                 "IMDS is turned off: AWS_EC2_METADATA_DISABLED");
	struct imds_call *call = calloc(1, sizeof(*call));
	if (!call)
		return error_set(err, -ENOMEM, "out of memory");
	*call = (struct imds_call){.imds = imds, .done = done, .context = context};
	int r = snprintf(call->url, sizeof(call->url), "%s/latest/%s", imds->endpoint, path);
	if (r < 0 || (size_t)r >= sizeof(call->url))
		r = error_set(err, -EINVAL, "IMDS: %.64s: too long", path);
	else if (imds->token[0] && monotonic_seconds() < imds->token_end)
		r = ask(call, err);
	else
		r = ask_token(call, err);
	if (r < 0)
		free(call);
	else
		*ret = call;
	return r;
}

void imds_cancel(struct imds_call *call)
{
	if (!call)
		return;
	http_cancel(call->http);
	free(call);
}
