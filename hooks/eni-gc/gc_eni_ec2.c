/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/eni-gc/gc_eni_ec2.h"

struct gc_ec2 {
	uv_loop_t loop;
	uv_timer_t timer;
	struct http *http;
	struct imds *imds;
	struct ec2 *ec2;
	struct aws_answer answer; /* once answered */
	bool answered;
};

static void done(void *context, const struct aws_answer *answer)
{
	struct gc_ec2 *ec2 = context;
	ec2->answer = *answer;
	ec2->answered = true;
}

/* started: what starting the call said. The answer is there until the next call. */
static const struct aws_answer *wait_for(struct gc_ec2 *ec2, int started,
                                         const struct error *failure)
{
	ec2->answered = started < 0;
	if (started < 0)
		ec2->answer = (struct aws_answer){.outcome = AWS_REFUSED, .error = *failure};
	while (!ec2->answered)
		uv_run(&ec2->loop, UV_RUN_ONCE);
	return &ec2->answer;
}

int gc_ec2_open(const char *region, const char *endpoint, struct gc_ec2 **ret, struct error *err)
{
	struct gc_ec2 *ec2 = calloc(1, sizeof(*ec2));
	if (!ec2)
		return error_set(err, -ENOMEM, "out of memory");
	int r = uv_loop_init(&ec2->loop);
	if (r < 0) {
		free(ec2);
		return error_set(err, r, "no event loop: %s", uv_strerror(r));
	}
	uv_timer_init(&ec2->loop, &ec2->timer);
	r = http_open(&ec2->loop, &ec2->http, err);
	if (r == 0)
		r = imds_open(ec2->http, &ec2->imds, err);
	if (r == 0)
		r = ec2_open(&ec2->loop, ec2->http, ec2->imds, region, endpoint, &ec2->ec2, err);
	if (r < 0)
		gc_ec2_close(ec2);
	else
		*ret = ec2;
	return r;
}

void gc_ec2_close(struct gc_ec2 *ec2)
{
	if (!ec2)
		return;
	ec2_close(ec2->ec2);
	imds_close(ec2->imds);
	http_close(ec2->http);
	uv_close((uv_handle_t *)&ec2->timer, NULL);
	uv_run(&ec2->loop, UV_RUN_DEFAULT);
	uv_loop_close(&ec2->loop);
	free(ec2);
}

const char *gc_ec2_region(const struct gc_ec2 *ec2)
{
	return ec2_region(ec2->ec2);
}

int gc_ec2_list(struct gc_ec2 *ec2, struct ec2_items *items, const struct ec2_filter *filters,
                struct error *err)
{
	struct ec2_describe *describe;
	struct error failure = {0};
	int r = ec2_list_start(ec2->ec2, items, filters, done, ec2, &describe, &failure);
	const struct aws_answer *answer = wait_for(ec2, r, &failure);
	if (answer->outcome == AWS_OK)
		return 0;
	bool unknown = strcmp(answer->code, "InvalidAction") == 0;
	return error_set(err, unknown ? -EOPNOTSUPP : answer->error.code, "%s", answer->error.text);
}

const struct aws_answer *gc_ec2_ask(struct gc_ec2 *ec2, struct ec2_items *items,
                                    enum ec2_question question, const char *id)
{
	struct ec2_describe *describe;
	struct error failure = {0};
	int r = ec2_describe_start(ec2->ec2, items, question, &id, 1, done, ec2, &describe,
	                           &failure);
	return wait_for(ec2, r, &failure);
}

static void wake(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

void gc_ec2_sleep(struct gc_ec2 *ec2, uint64_t milliseconds)
{
	bool awake = false;
	ec2->timer.data = &awake;
	uv_update_time(&ec2->loop);
	uv_timer_start(&ec2->timer, wake, milliseconds, 0);
	while (!awake)
		uv_run(&ec2->loop, UV_RUN_ONCE);
}
