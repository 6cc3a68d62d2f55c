/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "nft-sync/answer/ends.h"
#include "nft-sync/judge/services.h"

#define AT_ONCE 4000000 /* nanoseconds that others may have to wait */
#define ADDRESSES_MAX 16
#define TEXT_MAX (16U << 10)

/* The addresses of one end. */
struct end {
	struct prefix addresses[ADDRESSES_MAX];
	size_t count;
};

static int read_end(const cJSON *list, struct end *ret, struct error *err)
{
	const cJSON *item;
	ret->count = 0;
	if (!cJSON_IsArray(list))
		return error_set(err, -EINVAL, "an end is a list of addresses");
	cJSON_ArrayForEach (item, list) {
		const char *text = cJSON_GetStringValue(item);
		if (ret->count == ADDRESSES_MAX)
			return error_set(err, -EINVAL, "an end has at most %d addresses",
			                 ADDRESSES_MAX);
		if (!text || address_parse(text, &ret->addresses[ret->count]) < 0)
			return error_set(err, -EINVAL, "\"%.64s\" is not an address",
			                 text ? text : "");
		ret->count++;
	}
	return 0;
}

static const struct prefix *address_of(const struct end *end, uint8_t family)
{
	for (size_t i = 0; i < end->count; i++)
		if (end->addresses[i].family == family)
			return &end->addresses[i];
	return NULL;
}

static void add_text(cJSON *object, const char *key, struct buffer *text)
{
	cJSON_AddStringToObject(object, key, text->text ? text->text : "");
	buffer_clear(text);
}

static cJSON *answer_object(const struct services *services, size_t outcome, struct buffer *text)
{
	cJSON *object = cJSON_CreateObject();
	services_text(services, outcome, text);
	add_text(object, "what", text);
	cJSON_AddBoolToObject(object, "permitted", services->outcomes[outcome].permitted);
	services_reason(&services->outcomes[outcome], text);
	add_text(object, "text", text);
	return object;
}

/* What is permitted, what is not, everything else. */
static cJSON *answers_array(const struct services *services)
{
	struct buffer text = {.max = TEXT_MAX};
	const size_t rest = services->rest;
	cJSON *array = cJSON_CreateArray();
	for (int permitted = 1; permitted >= 0; permitted--)
		for (size_t i = 0; i < services->outcome_count; i++)
			if (i != rest && services->outcomes[i].permitted == permitted)
				cJSON_AddItemToArray(array, answer_object(services, i, &text));
	if (rest < services->outcome_count)
		cJSON_AddItemToArray(array, answer_object(services, rest, &text));
	buffer_done(&text);
	return array;
}

static cJSON *family_object(const struct services *services, const struct prefix *source,
                            const struct prefix *destination)
{
	static const char *const names[] = {"none", "some", "all"};
	const struct error *problem = &services->passage.problem;
	char text[PREFIX_TEXT_MAX];
	cJSON *object = cJSON_CreateObject();
	cJSON_AddNumberToObject(object, "family", services->v6 ? 6 : 4);
	cJSON_AddStringToObject(object, "source", prefix_text(source, text));
	cJSON_AddStringToObject(object, "destination", prefix_text(destination, text));
	cJSON_AddStringToObject(object, "verdict",
	                        problem->code ? "unknown" : names[services->verdict]);
	if (problem->code)
		cJSON_AddStringToObject(object, "problem", problem->text);
	if (services->partial)
		cJSON_AddTrueToObject(object, "partial");
	cJSON_AddItemToObject(object, "answers", answers_array(services));
	return object;
}

/* Where two families differ it is "some"; one of which nothing is known does not count. */
static const char *both(const char *verdict, const char *other)
{
	if (strcmp(verdict, "unknown") == 0)
		return other;
	if (strcmp(other, "unknown") == 0 || strcmp(verdict, other) == 0)
		return verdict;
	return "some";
}

/* -ENOMEM. */
static int cell_object(const struct passage_facts *facts, const struct end *source,
                       const struct end *destination, struct services *room, cJSON **ret)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	const char *verdict = "unknown";
	cJSON *object = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(object, "families");
	for (size_t i = 0; i < sizeof(families); i++) {
		const struct prefix *from = address_of(source, families[i]);
		const struct prefix *to = address_of(destination, families[i]);
		cJSON *family;
		if (!from || !to)
			continue;
		if (services_find(facts, from, to, room) < 0) {
			cJSON_Delete(object);
			return -ENOMEM;
		}
		family = family_object(room, from, to);
		verdict = both(verdict, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
						family, "verdict")));
		cJSON_AddItemToArray(array, family);
	}
	cJSON_AddStringToObject(object, "verdict", verdict);
	*ret = object;
	return 0;
}

static int64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* Until the time is up, but one at least. */
static int add_cells(const struct sync *sync, const struct end *source, const cJSON *destinations,
                     cJSON *cells, struct error *err)
{
	const struct passage_facts facts = {
		.resolution = sync->resolution, .model = sync->model, .host = &sync->host};
	const int64_t end = now() + AT_ONCE;
	struct services *room = malloc(sizeof(*room));
	const cJSON *item;
	int r = 0;
	if (!room)
		return error_set(err, -ENOMEM, "no memory");
	cJSON_ArrayForEach (item, destinations) {
		struct end destination;
		cJSON *cell = NULL;
		if (r < 0 || (cJSON_GetArraySize(cells) > 0 && now() >= end))
			break;
		r = read_end(item, &destination, err);
		if (r == 0 && cell_object(&facts, source, &destination, room, &cell) < 0)
			r = error_set(err, -ENOMEM, "no memory");
		if (r == 0)
			cJSON_AddItemToArray(cells, cell);
	}
	free(room);
	return r;
}

cJSON *services_answer(const struct sync *sync, const cJSON *request, struct error *err)
{
	const cJSON *destinations = cJSON_GetObjectItemCaseSensitive(request, "destinations");
	struct end source;
	cJSON *answer = cJSON_CreateObject();
	cJSON *cells = cJSON_AddArrayToObject(answer, "cells");
	int r = read_end(cJSON_GetObjectItemCaseSensitive(request, "source"), &source, err);
	if (r == 0 && !cJSON_IsArray(destinations))
		r = error_set(err, -EINVAL, "destinations is a list of ends");
	if (r == 0)
		r = add_cells(sync, &source, destinations, cells, err);
	if (r == 0)
		return answer;
	cJSON_Delete(answer);
	return NULL;
}
