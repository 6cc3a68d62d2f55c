/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/backoff.h"
#include "common/log.h"
#include "nft-sync/source/source_ec2_parts.h"

#define DOCUMENT "ec2/instance"
#define FACTS_MAX (64U << 10) /* bytes */
#define FACT_VALUES_MAX 512   /* of a list */
#define RETRY_FIRST 1000      /* milliseconds */
#define RETRY_LAST 60000
#define ABSENT_RETRY 300000 /* milliseconds: an IMDS that is not there seldom comes */

enum shape { MAC, NAME, NAMES, ADDRESSES, PREFIXES };

/* What is asked for, one after the other. The MAC comes first: the paths of others hold it. */
static const struct fact {
	const char *path; /* below "meta-data/", or below that of the primary interface */
	bool of_interface;
	bool optional; /* IMDS answers 404 where there is none */
	enum shape shape;
	size_t offset; /* into struct instance */
	size_t count_offset;
} facts[] = {
	{"mac", false, false, MAC, 0, 0},
	{"instance-id", false, false, NAME, offsetof(struct instance, id), 0},
	{"instance-type", false, false, NAME, offsetof(struct instance, type), 0},
	{"placement/region", false, true, NAME, offsetof(struct instance, region), 0},
	{"placement/availability-zone", false, true, NAME, offsetof(struct instance, zone), 0},
	{"security-group-ids", true, false, NAMES, offsetof(struct instance, groups),
         offsetof(struct instance, group_count)},
	{"local-ipv4s", true, true, ADDRESSES, offsetof(struct instance, addresses),
         offsetof(struct instance, address_count)},
	{"ipv6s", true, true, ADDRESSES, offsetof(struct instance, addresses),
         offsetof(struct instance, address_count)},
	{"vpc-ipv4-cidr-blocks", true, true, PREFIXES, offsetof(struct instance, vpc_cidrs),
         offsetof(struct instance, vpc_cidr_count)},
	{"vpc-ipv6-cidr-blocks", true, true, PREFIXES, offsetof(struct instance, vpc_cidrs),
         offsetof(struct instance, vpc_cidr_count)},
	{"subnet-ipv4-cidr-block", true, true, PREFIXES, offsetof(struct instance, subnet_cidrs),
         offsetof(struct instance, subnet_cidr_count)},
	{"subnet-ipv6-cidr-blocks", true, true, PREFIXES, offsetof(struct instance, subnet_cidrs),
         offsetof(struct instance, subnet_cidr_count)},
};
#define FACTS (sizeof(facts) / sizeof(facts[0]))

static bool is_name(const char *text)
{
	size_t length = 0;
	while (text[length] > ' ' && text[length] < 0x7f)
		length++;
	return length > 0 && length < 256 && text[length] == '\0';
}

static int bad_value(const struct fact *fact, const char *value, struct error *err)
{
	const struct error_place place = {.file = "IMDS", .item = fact->path};
	static const char *const rules[] = {
		[MAC] = "expected a MAC address", [NAME] = "expected a name",
		[NAMES] = "expected names",       [ADDRESSES] = "expected addresses",
		[PREFIXES] = "expected prefixes",
	};
	return error_at(err, -EPROTO, &place, value, "%s", rules[fact->shape]);
}

/* Room for one more item in the list that the fact fills; NULL: no memory. */
static void *append(struct arena *arena, const struct fact *fact, struct instance *instance,
                    size_t item_size)
{
	void **items = (void **)((char *)instance + fact->offset);
	size_t *count = (size_t *)((char *)instance + fact->count_offset);
	char *larger = arena_array(arena, *count + 1, item_size);
	if (!larger)
		return NULL;
	if (*count > 0)
		memcpy(larger, *items, *count * item_size);
	*items = larger;
	return larger + (*count)++ * item_size;
}

static int add_value(struct arena *arena, const struct fact *fact, const char *value,
                     struct instance *instance, struct error *err)
{
	struct prefix prefix;
	void *room = NULL;
	if (fact->shape == ADDRESSES  ? address_parse(value, &prefix) < 0
	    : fact->shape == PREFIXES ? prefix_parse(value, &prefix, NULL) < 0
	                              : !is_name(value))
		return bad_value(fact, value, err);
	const char *name = arena_strdup(arena, value);
	if (fact->shape == NAME)
		room = (char *)instance + fact->offset;
	else if (fact->shape == NAMES)
		room = append(arena, fact, instance, sizeof(name));
	else
		room = append(arena, fact, instance, sizeof(prefix));
	if (!room || !name)
		return error_set(err, -ENOMEM, "IMDS: out of memory");
	if (fact->shape == NAME || fact->shape == NAMES)
		memcpy(room, &name, sizeof(name));
	else
		memcpy(room, &prefix, sizeof(prefix));
	return 0;
}

/* A line of what was gathered; it is taken apart. */
static int add_fact(struct arena *arena, const struct fact *fact, char *line,
                    struct instance *instance, struct error *err)
{
	char *rest = NULL;
	size_t count = 0;
	if (fact->shape == MAC)
		return 0;
	for (char *value = strtok_r(line, " ", &rest); value; value = strtok_r(NULL, " ", &rest)) {
		if (++count > FACT_VALUES_MAX)
			return error_set(err, -EFBIG, "IMDS: %s: more than %d", fact->path,
			                 FACT_VALUES_MAX);
		int r = add_value(arena, fact, value, instance, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_facts(struct arena *arena, char *lines, struct instance *instance, struct error *err)
{
	int r = 0;
	for (size_t i = 0; i < FACTS && r == 0; i++) {
		char *next = lines + strcspn(lines, "\n") + 1;
		next[-1] = '\0';
		r = add_fact(arena, &facts[i], lines, instance, err);
		lines = next;
	}
	return r;
}

static struct instance *instance_new(struct arena *arena)
{
	struct instance *instance = arena_alloc(arena, sizeof(*instance));
	if (instance)
		*instance = (struct instance){.id = "", .type = "", .region = "", .zone = ""};
	return instance;
}

static int fill_document(struct document *document, char *lines, struct error *err)
{
	document->instances = instance_new(document->arena);
	if (!document->instances)
		return error_set(err, -ENOMEM, "IMDS: out of memory");
	document->instance_count = 1;
	return add_facts(document->arena, lines, document->instances, err);
}

static int make_document(char *lines, struct document **ret, struct error *err)
{
	struct document *document = document_new(DOCUMENT);
	if (!document)
		return error_set(err, -ENOMEM, "IMDS: out of memory");
	int r = fill_document(document, lines, err);
	if (r < 0)
		document_free(document);
	else
		*ret = document;
	return r;
}

/* 1: the model is another one; 0: it is as it was. */
static int apply(struct ec2_instance *instance, struct error *err)
{
	struct document *document = NULL;
	if (instance->facts.failed)
		return error_set(err, -EFBIG, "IMDS says too much, or out of memory");
	if (instance->known && strcmp(instance->known, instance->facts.text) == 0)
		return 0;
	char *known = strdup(instance->facts.text);
	if (!known)
		return error_set(err, -ENOMEM, "IMDS: out of memory");
	int r = make_document(instance->facts.text, &document, err);
	if (r == 0)
		r = model_put(instance->source->model, document, err);
	if (r < 0) {
		free(known);
		return r;
	}
	free(instance->known);
	instance->known = known;
	return 1;
}

static void ask_all(uv_timer_t *timer);

static void schedule(struct ec2_instance *instance)
{
	uint64_t pause = backoff_jitter(instance->source->config->ec2.refresh);
	if (instance->status.absent)
		pause = backoff_jitter(ABSENT_RETRY);
	else if (instance->failures > 0)
		pause = backoff_pause(instance->failures, RETRY_FIRST, RETRY_LAST);
	uv_timer_start(&instance->timer, ask_all, pause, 0);
}

/* No IMDS where there never was one is how it is on-premises. */
static void fail(struct ec2_instance *instance, const struct error *failure)
{
	struct source_status *status = &instance->status;
	status->absent = failure->code == -EHOSTUNREACH && !instance->known;
	status->current = false;
	instance->answered = instance->answered || status->absent;
	if (!status->absent) {
		instance->failures++;
		status->failures++;
	}
	if (strcmp(status->error, failure->text) != 0)
		log_text(status->absent ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		         status->absent ? "ec2-no-instance-metadata" : "ec2-not-read",
		         failure->text);
	snprintf(status->error, sizeof(status->error), "%s", failure->text);
	schedule(instance);
	source_ec2_progress(instance->source);
}

static void finish(struct ec2_instance *instance)
{
	struct source_status *status = &instance->status;
	struct error failure = {0};
	int r = apply(instance, &failure);
	if (r < 0) {
		fail(instance, &failure);
		return;
	}
	if (status->error[0])
		log_event(LOG_LEVEL_INFO, "ec2-read-again", "what=\"%s\"", status->what);
	instance->answered = true;
	instance->failures = 0;
	status->synced = true;
	status->current = true;
	status->absent = false;
	status->fresh = time(NULL);
	status->objects = 1;
	status->error[0] = '\0';
	schedule(instance);
	if (r > 0)
		source_ec2_changed(instance->source);
	source_ec2_progress(instance->source);
}

static void ask_next(struct ec2_instance *instance);

/* One line a fact, whatever IMDS writes. */
static void note(struct ec2_instance *instance, const char *text)
{
	for (; *text; text++) {
		bool blank = *text == '\n' || *text == '\r' || *text == '\t';
		buffer_add(&instance->facts, blank ? " " : text, 1);
	}
	buffer_add_text(&instance->facts, "\n");
}

static int take_mac(struct ec2_instance *instance, const char *text, struct error *err)
{
	size_t length = strspn(text, "0123456789abcdefABCDEF:");
	if (length != 17 || text[length + strspn(text + length, "\r\n")])
		return bad_value(&facts[0], text, err);
	snprintf(instance->mac, sizeof(instance->mac), "%.*s", (int)length, text);
	return 0;
}

static void got_fact(void *context, const struct imds_answer *answer)
{
	struct ec2_instance *instance = context;
	const struct fact *fact = &facts[instance->step];
	struct error failure = answer->error;
	instance->call = NULL;
	if (failure.code == -ENOENT && fact->optional)
		failure = (struct error){0};
	else if (!failure.code && fact->shape == MAC)
		(void)take_mac(instance, answer->text, &failure);
	if (failure.code) {
		fail(instance, &failure);
		return;
	}
	note(instance, answer->error.code ? "" : answer->text);
	if (++instance->step == FACTS)
		finish(instance);
	else
		ask_next(instance);
}

static void ask_next(struct ec2_instance *instance)
{
	const struct fact *fact = &facts[instance->step];
	struct error failure = {0};
	char path[128];
	if (fact->of_interface)
		snprintf(path, sizeof(path), "meta-data/network/interfaces/macs/%s/%s",
		         instance->mac, fact->path);
	else
		snprintf(path, sizeof(path), "meta-data/%s", fact->path);
	if (imds_get(instance->source->imds, path, got_fact, instance, &instance->call, &failure) <
	    0)
		fail(instance, &failure);
}

static void ask_all(uv_timer_t *timer)
{
	struct ec2_instance *instance = timer->data;
	instance->step = 0;
	buffer_clear(&instance->facts);
	ask_next(instance);
}

void ec2_instance_open(struct ec2_instance *instance, struct source_ec2 *source)
{
	*instance = (struct ec2_instance){.source = source,
	                                  .facts.max = FACTS_MAX,
	                                  .status = {.source = "ec2", .what = "instance metadata"}};
	instance->timer.data = instance;
	uv_timer_init(source->loop, &instance->timer);
	uv_timer_start(&instance->timer, ask_all, 0, 0);
}

void ec2_instance_stop(struct ec2_instance *instance)
{
	imds_cancel(instance->call);
	instance->call = NULL;
}

void ec2_instance_done(struct ec2_instance *instance)
{
	buffer_done(&instance->facts);
	free(instance->known);
}
