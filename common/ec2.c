/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/backoff.h"
#include "common/ec2.h"

#define VERSION "2016-11-15"
#define PAGE_SIZE "1000"
#define PAGE_SIZE_SMALL "100" /* of what EC2 gives no more at once */
#define PAGES_MAX 1000
#define TRIES_MAX 4         /* of one page */
#define PAUSE_FIRST 500     /* milliseconds, doubled with every try */
#define PAUSE_LAST 8000     /* likewise; EC2 itself may ask for more */
#define RETRY_AFTER_MAX 120 /* seconds */
#define FILTER_NAME_SIZE 40

struct ec2 {
	uv_loop_t *loop;
	struct http *http;
	struct imds *imds;
	struct aws_credentials *credentials;
	struct imds_call *region_call;
	char region[AWS_REGION_MAX];
	char endpoint[EC2_ENDPOINT_MAX];
	LIST_HEAD(ec2_describes, ec2_describe) describes;
};

struct ec2_describe {
	LIST_ENTRY(ec2_describe) link;
	struct ec2 *ec2;
	uv_timer_t timer; /* the first step, and pauses */
	struct ec2_items *items;
	struct ec2_page *page;
	struct aws_call *call;
	struct buffer form; /* of all pages, but for the token */
	char token[AWS_SESSION_TOKEN_MAX];
	unsigned pages;
	unsigned tries;
	bool waiting;  /* for region or keys */
	bool rejected; /* keys have been refused once */
	void (*done)(void *context, const struct aws_answer *answer);
	void *context;
};

static void describe_step(struct ec2_describe *describe);

static void free_describe(uv_handle_t *handle)
{
	struct ec2_describe *describe = handle->data;
	buffer_done(&describe->form);
	free(describe);
}

static void drop(struct ec2_describe *describe)
{
	LIST_REMOVE(describe, link);
	aws_query_cancel(describe->call);
	ec2_page_close(describe->page);
	uv_close((uv_handle_t *)&describe->timer, free_describe);
}

static void finish(struct ec2_describe *describe, const struct aws_answer *answer)
{
	void (*done)(void *context, const struct aws_answer *answer) = describe->done;
	void *context = describe->context;
	drop(describe);
	done(context, answer);
}

static void finish_error(struct ec2_describe *describe, enum aws_outcome outcome,
                         const struct error *failure)
{
	finish(describe, &(struct aws_answer){.outcome = outcome, .error = *failure});
}

static void timer_cb(uv_timer_t *timer)
{
	describe_step(timer->data);
}

/* Of those that waited; a describe that ends may start others, and the list changes meanwhile. */
static struct ec2_describe *waiting(const struct ec2 *ec2)
{
	struct ec2_describe *describe;
	LIST_FOREACH(describe, &ec2->describes, link)
	if (describe->waiting)
		return describe;
	return NULL;
}

static void resume(void *context, const struct error *failure)
{
	struct ec2 *ec2 = context;
	struct ec2_describe *describe;
	while ((describe = waiting(ec2))) {
		describe->waiting = false;
		if (failure)
			finish_error(describe, AWS_AGAIN, failure);
		else
			uv_timer_start(&describe->timer, timer_cb, 0, 0);
	}
}

void aws_endpoint(const char *service, const char *region, char ret[static EC2_ENDPOINT_MAX])
{
	snprintf(ret, EC2_ENDPOINT_MAX, "https://%s.%s.amazonaws.com%s/", service, region,
	         strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
}

static int make_endpoint(struct ec2 *ec2, struct error *err)
{
	if (!aws_region_is_valid(ec2->region))
		return error_set(err, -EINVAL, "\"%.64s\": not the name of an AWS region",
		                 ec2->region);
	if (!ec2->endpoint[0])
		aws_endpoint("ec2", ec2->region, ec2->endpoint);
	return 0;
}

static void got_region(void *context, const struct imds_answer *answer)
{
	struct ec2 *ec2 = context;
	struct error failure = answer->error;
	ec2->region_call = NULL;
	if (!failure.code) {
		snprintf(ec2->region, sizeof(ec2->region), "%.*s", AWS_REGION_MAX - 1,
		         answer->text);
		ec2->region[strcspn(ec2->region, "\r\n")] = '\0';
		if (make_endpoint(ec2, &failure) < 0)
			ec2->region[0] = '\0';
	}
	if (failure.code)
		error_wrap(&failure, "no region: give sources.ec2.region");
	resume(ec2, failure.code ? &failure : NULL);
}

/* -EINPROGRESS: the instance is asked. */
static int find_region(struct ec2 *ec2, struct error *err)
{
	struct error failure = {0};
	if (ec2->region[0])
		return 0;
	int r = aws_region_find(ec2->region, err);
	if (r == 0)
		return make_endpoint(ec2, err);
	if (r != -ENOENT)
		return r;
	if (ec2->region_call)
		return -EINPROGRESS;
	r = imds_get(ec2->imds, "meta-data/placement/region", got_region, ec2, &ec2->region_call,
	             &failure);
	if (r < 0)
		return error_set(err, r, "no region: give sources.ec2.region: %s", failure.text);
	return -EINPROGRESS;
}

static int received(void *context, const char *data, size_t length, struct error *err)
{
	struct ec2_describe *describe = context;
	return ec2_page_feed(describe->page, data, length, err);
}

/* Behind this page there is another one, or not. */
static int turn_page(struct ec2_describe *describe, bool *last, struct error *err)
{
	const char *action = ec2_action(ec2_items_kind(describe->items));
	const char *token;
	int r = ec2_page_finish(describe->page, &token, err);
	if (r < 0)
		return r;
	*last = !token[0];
	if (token[0] && strcmp(token, describe->token) == 0)
		return error_set(err, -EBADMSG, "%s: a page names itself as the next one", action);
	if (++describe->pages == PAGES_MAX && token[0])
		return error_set(err, -EFBIG, "%s: more than %d pages", action, PAGES_MAX);
	snprintf(describe->token, sizeof(describe->token), "%s", token);
	describe->tries = 0;
	return 0;
}

static void take_page(struct ec2_describe *describe, const struct aws_answer *answer)
{
	struct error failure = {0};
	bool last = false;
	if (turn_page(describe, &last, &failure) < 0)
		finish_error(describe, AWS_REFUSED, &failure);
	else if (last)
		finish(describe, answer);
	else
		describe_step(describe);
}

static void pause_and_try(struct ec2_describe *describe, const struct aws_answer *answer)
{
	uint64_t pause = backoff_pause(describe->tries + 1, PAUSE_FIRST, PAUSE_LAST);
	unsigned asked = answer->retry_after;
	if (asked > RETRY_AFTER_MAX || ++describe->tries == TRIES_MAX) {
		finish(describe, answer);
		return;
	}
	if (pause < asked * 1000ULL)
		pause = asked * 1000ULL;
	uv_timer_start(&describe->timer, timer_cb, pause, 0);
}

static void got_answer(void *context, const struct aws_answer *answer)
{
	struct ec2_describe *describe = context;
	describe->call = NULL;
	if (answer->outcome == AWS_OK) {
		take_page(describe, answer);
	} else if (answer->outcome == AWS_AGAIN) {
		pause_and_try(describe, answer);
	} else if (answer->outcome == AWS_REJECTED && !describe->rejected) {
		describe->rejected = true;
		aws_credentials_reject(describe->ec2->credentials);
		describe_step(describe);
	} else {
		finish(describe, answer);
	}
}

static int post(struct ec2_describe *describe, const struct aws_keys *keys, struct error *err)
{
	struct ec2 *ec2 = describe->ec2;
	size_t length = describe->form.length;
	ec2_page_close(describe->page);
	describe->page = NULL;
	int r = ec2_page_open(describe->items, &describe->page, err);
	if (r < 0)
		return r;
	if (describe->token[0])
		aws_form_add(&describe->form, "NextToken", describe->token);
	const struct aws_query query = {.endpoint = ec2->endpoint,
	                                .region = ec2->region,
	                                .service = "ec2",
	                                .action = ec2_action(ec2_items_kind(describe->items)),
	                                .keys = keys,
	                                .form = &describe->form,
	                                .received = received,
	                                .done = got_answer,
	                                .context = describe};
	r = aws_query_start(ec2->http, &query, &describe->call, err);
	buffer_cut(&describe->form, length);
	return r;
}

/* Asks for the next page, as soon as it is known where and with which keys. */
static void describe_step(struct ec2_describe *describe)
{
	struct ec2 *ec2 = describe->ec2;
	const struct aws_keys *keys = NULL;
	struct error failure = {0};
	int r = find_region(ec2, &failure);
	if (r == 0)
		r = aws_credentials_find(ec2->credentials, &keys, &failure);
	if (r == 0)
		r = post(describe, keys, &failure);
	if (r == -EINPROGRESS)
		describe->waiting = true;
	else if (r < 0)
		finish_error(describe, AWS_AGAIN, &failure);
}

static void add_page_size(struct ec2_describe *describe)
{
	enum ec2_kind kind = ec2_items_kind(describe->items);
	bool small = kind == EC2_PREFIX_LIST_ENTRIES || kind == EC2_WHOLE_ENTRIES ||
	             kind == EC2_PREFIX_LISTS || kind == EC2_ROUTE_TABLES ||
	             kind == EC2_INSTANCE_TYPES;
	aws_form_add(&describe->form, "MaxResults", small ? PAGE_SIZE_SMALL : PAGE_SIZE);
}

/* EC2 refuses a page size where things are asked for by name. */
static const struct parameter {
	const char *name;
	bool numbered;
	bool paged;
} parameters[] = {
	[EC2_BY_FILTER] = {"Filter.1.Value", true, true},
	[EC2_BY_GROUP] = {"GroupId", true, false},
	[EC2_BY_LIST] = {"PrefixListId", false, true},
	[EC2_BY_INTERFACE] = {"NetworkInterfaceId", true, false},
	[EC2_BY_TYPE] = {"Filter.1.Value", true, true},
	[EC2_BY_VPC] = {"VpcId", false, false},
	[EC2_THE_INTERFACE] = {"NetworkInterfaceId", false, false},
	[EC2_THE_GROUP] = {"GroupId", false, false},
};

static void add_ids(struct ec2_describe *describe, enum ec2_question question,
                    const char *const *ids, size_t id_count)
{
	const struct parameter *parameter = &parameters[question];
	struct buffer *form = &describe->form;
	if (question == EC2_BY_FILTER || question == EC2_BY_TYPE)
		aws_form_add(form, "Filter.1.Name",
		             question == EC2_BY_TYPE ? "instance-type" : "group-id");
	for (size_t i = 0; i < id_count; i++) {
		if (parameter->numbered)
			aws_form_add_nth(form, parameter->name, i + 1, ids[i]);
		else
			aws_form_add(form, parameter->name, ids[i]);
	}
	if (parameter->paged)
		add_page_size(describe);
}

static void add_filters(struct ec2_describe *describe, const struct ec2_filter *filters)
{
	for (size_t i = 0; filters[i].name; i++) {
		char name[FILTER_NAME_SIZE];
		snprintf(name, sizeof(name), "Filter.%zu.Name", i + 1);
		aws_form_add(&describe->form, name, filters[i].name);
		snprintf(name, sizeof(name), "Filter.%zu.Value", i + 1);
		for (size_t j = 0; j < EC2_FILTER_VALUES_MAX && filters[i].values[j]; j++)
			aws_form_add_nth(&describe->form, name, j + 1, filters[i].values[j]);
	}
	add_page_size(describe);
}

int ec2_open(uv_loop_t *loop, struct http *http, struct imds *imds, const char *region,
             const char *endpoint, struct ec2 **ret, struct error *err)
{
	struct ec2 *ec2 = calloc(1, sizeof(*ec2));
	int r = -EINVAL;
	if (!ec2)
		return error_set(err, -ENOMEM, "out of memory");
	*ec2 = (struct ec2){.loop = loop, .http = http, .imds = imds};
	LIST_INIT(&ec2->describes);
	if (strlen(endpoint) >= sizeof(ec2->endpoint)) {
		error_set(err, r, "sources.ec2.endpoint: longer than %d bytes",
		          EC2_ENDPOINT_MAX - 1);
		goto fail;
	}
	snprintf(ec2->endpoint, sizeof(ec2->endpoint), "%s", endpoint);
	snprintf(ec2->region, sizeof(ec2->region), "%s", region);
	r = region[0] ? make_endpoint(ec2, err) : 0;
	if (r == 0)
		r = aws_credentials_open(imds, resume, ec2, &ec2->credentials, err);
	if (r < 0)
		goto fail;
	*ret = ec2;
	return 0;
fail:
	free(ec2);
	return r;
}

void ec2_close(struct ec2 *ec2)
{
	if (!ec2)
		return;
	while (!LIST_EMPTY(&ec2->describes))
		drop(LIST_FIRST(&ec2->describes));
	imds_cancel(ec2->region_call);
	aws_credentials_close(ec2->credentials);
	free(ec2);
}

const char *ec2_region(const struct ec2 *ec2)
{
	return ec2->region;
}

static int describe_new(struct ec2 *ec2, struct ec2_items *items,
                        void (*done)(void *context, const struct aws_answer *answer), void *context,
                        struct ec2_describe **ret, struct error *err)
{
	struct ec2_describe *describe = calloc(1, sizeof(*describe));
	if (!describe)
		return error_set(err, -ENOMEM, "out of memory");
	describe->ec2 = ec2;
	describe->items = items;
	describe->done = done;
	describe->context = context;
	describe->timer.data = describe;
	aws_form_begin(&describe->form, ec2_action(ec2_items_kind(items)), VERSION);
	if (ec2_attribute(ec2_items_kind(items)))
		aws_form_add(&describe->form, "Attribute", ec2_attribute(ec2_items_kind(items)));
	uv_timer_init(ec2->loop, &describe->timer);
	uv_timer_start(&describe->timer, timer_cb, 0, 0);
	LIST_INSERT_HEAD(&ec2->describes, describe, link);
	*ret = describe;
	return 0;
}

int ec2_describe_start(struct ec2 *ec2, struct ec2_items *items, enum ec2_question question,
                       const char *const *ids, size_t id_count,
                       void (*done)(void *context, const struct aws_answer *answer), void *context,
                       struct ec2_describe **ret, struct error *err)
{
	int r = describe_new(ec2, items, done, context, ret, err);
	if (r == 0)
		add_ids(*ret, question, ids, id_count);
	return r;
}

int ec2_list_start(struct ec2 *ec2, struct ec2_items *items, const struct ec2_filter *filters,
                   void (*done)(void *context, const struct aws_answer *answer), void *context,
                   struct ec2_describe **ret, struct error *err)
{
	int r = describe_new(ec2, items, done, context, ret, err);
	if (r == 0)
		add_filters(*ret, filters);
	return r;
}

void ec2_describe_cancel(struct ec2_describe *describe)
{
	if (describe)
		drop(describe);
}
