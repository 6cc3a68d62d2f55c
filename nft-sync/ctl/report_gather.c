/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/control.h"
#include "nft-sync/ctl/ctl.h"
#include "nft-sync/ctl/report_parts.h"

#define PATIENCE 15 /* seconds, for each of many answers */

/* An answer that is no refusal. */
static int ask(const char *path, const cJSON *request, cJSON **ret, struct error *err)
{
	int r = control_ask(path, request, PATIENCE, ret, err);
	if (r < 0)
		return r;
	if (is_true(*ret, "ok"))
		return 0;
	r = error_set(err, -EINVAL, "%s", text_of(*ret, "error"));
	cJSON_Delete(*ret);
	*ret = NULL;
	return r;
}

static int ask_command(const char *path, const char *command, cJSON **ret, struct error *err)
{
	cJSON *request = cJSON_CreateObject();
	cJSON_AddStringToObject(request, "command", command);
	int r = ask(path, request, ret, err);
	cJSON_Delete(request);
	return r;
}

static void move(cJSON *from, const char *key, cJSON *to)
{
	cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(from, key);
	if (item)
		cJSON_AddItemToObject(to, key, item);
}

static int add_answers(const char *path, cJSON *report, struct error *err)
{
	static const struct {
		const char *command;
		const char *keys[2];
	} rows[] = {
		{"pods", {"nodeMode", "pods"}}, {"groups", {"groups"}}, {"ends", {"ends", "left"}}};
	cJSON *answer = NULL;
	int r = ask_command(path, "status", &answer, err);
	if (r == 0)
		cJSON_AddItemToObject(report, "status", answer);
	for (size_t i = 0; r == 0 && i < sizeof(rows) / sizeof(rows[0]); i++) {
		r = ask_command(path, rows[i].command, &answer, err);
		if (r < 0)
			break;
		for (size_t j = 0; j < 2 && rows[i].keys[j]; j++)
			move(answer, rows[i].keys[j], report);
		cJSON_Delete(answer);
	}
	return r;
}

/* Pods by name, then the node, the internet and the rest. */
static int compare(const void *a, const void *b)
{
	const cJSON *x = *(cJSON *const *)a;
	const cJSON *y = *(cJSON *const *)b;
	bool x_pod = strcmp(text_of(x, "kind"), "pod") == 0;
	bool y_pod = strcmp(text_of(y, "kind"), "pod") == 0;
	if (x_pod != y_pod)
		return x_pod ? -1 : 1;
	return strcmp(text_of(x, x_pod ? "name" : "kind"), text_of(y, x_pod ? "name" : "kind"));
}

static int compare_pods(const void *a, const void *b)
{
	const cJSON *x = *(cJSON *const *)a;
	const cJSON *y = *(cJSON *const *)b;
	int r = strcmp(text_of(x, "namespace"), text_of(y, "namespace"));
	return r ? r : strcmp(text_of(x, "name"), text_of(y, "name"));
}

static int sort(cJSON *report, const char *key, int (*order)(const void *a, const void *b))
{
	cJSON *array = cJSON_GetObjectItemCaseSensitive(report, key);
	int count = cJSON_GetArraySize(array);
	cJSON **items = calloc((size_t)count + 1, sizeof(cJSON *));
	if (!items)
		return -ENOMEM;
	for (int i = 0; i < count; i++)
		items[i] = cJSON_DetachItemFromArray(array, 0);
	qsort(items, (size_t)count, sizeof(cJSON *), order);
	for (int i = 0; i < count; i++)
		cJSON_AddItemToArray(array, items[i]);
	free(items);
	return 0;
}

static bool is_pod(const cJSON *end)
{
	return strcmp(text_of(end, "kind"), "pod") == 0;
}

/* What the row still lacks, from this end on; ends that podsg has no say in are left out. */
static cJSON *services_request(const cJSON *source, const cJSON *end)
{
	cJSON *request = cJSON_CreateObject();
	cJSON *destinations;
	cJSON_AddStringToObject(request, "command", "services");
	cJSON_AddItemToObject(request, "source", cJSON_Duplicate(part(source, "addresses"), true));
	destinations = cJSON_AddArrayToObject(request, "destinations");
	for (; end && cJSON_GetArraySize(destinations) < 128; end = end->next)
		if (is_pod(source) || is_pod(end))
			cJSON_AddItemToArray(destinations,
			                     cJSON_Duplicate(part(end, "addresses"), true));
	return request;
}

/* Puts the cells into the row, and null where none was asked for. Returns the end behind. */
static const cJSON *add_cells(cJSON *cells, const cJSON *source, const cJSON *end, cJSON *row)
{
	for (; end; end = end->next) {
		cJSON *cell = NULL;
		if (!is_pod(source) && !is_pod(end)) {
			cJSON_AddItemToArray(row, cJSON_CreateNull());
			continue;
		}
		cell = cJSON_DetachItemFromArray(cells, 0);
		if (!cell)
			return end;
		cJSON_AddItemToArray(row, cell);
	}
	return NULL;
}

/* The daemon answers as much as it can at once, so we ask until the row is full. */
static int fill_row(const char *path, const cJSON *ends, const cJSON *source, cJSON *row,
                    struct error *err)
{
	const cJSON *end = ends->child;
	while (end) {
		cJSON *answer = NULL;
		cJSON *request = services_request(source, end);
		int r = cJSON_GetArraySize(part(request, "destinations")) > 0
		                ? ask(path, request, &answer, err)
		                : 0;
		const cJSON *next = end;
		cJSON_Delete(request);
		if (r == 0)
			next = add_cells(cJSON_GetObjectItemCaseSensitive(answer, "cells"), source,
			                 end, row);
		cJSON_Delete(answer);
		if (r < 0)
			return r;
		if (next == end)
			return error_set(err, -EBADMSG, "the daemon answers without an answer");
		end = next;
	}
	return 0;
}

static int add_rows(const char *path, struct report_texts *texts, cJSON *report, struct error *err)
{
	const cJSON *ends = part(report, "ends");
	const cJSON *source;
	cJSON *rows = cJSON_AddArrayToObject(report, "rows");
	int r = 0;
	cJSON_ArrayForEach (source, ends) {
		cJSON *row = cJSON_CreateArray();
		cJSON_AddItemToArray(rows, row);
		r = fill_row(path, ends, source, row, err);
		if (r < 0)
			break;
		if (texts)
			report_texts_take(texts, row);
	}
	return r;
}

static void add_time(cJSON *report)
{
	char text[32];
	struct tm parts;
	time_t now = time(NULL);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&now, &parts));
	cJSON_AddStringToObject(report, "version", PODSG_VERSION);
	cJSON_AddStringToObject(report, "time", text);
}

int report_gather(const struct report_options *options, struct report_texts *texts, cJSON **ret,
                  struct error *err)
{
	cJSON *preflight = NULL, *drops;
	if (options->findings && report_findings_read(options->findings, &preflight, err) < 0)
		return err->code;
	cJSON *report = cJSON_CreateObject();
	struct report_watch *watch = report_watch_begin(options);
	if (preflight)
		cJSON_AddItemToObject(report, "preflight", preflight);
	add_time(report);
	int r = watch ? add_answers(options->path, report, err)
	              : error_set(err, -ENOMEM, "no memory");
	if (r == 0 && (sort(report, "ends", compare) < 0 || sort(report, "pods", compare_pods) < 0))
		r = error_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = add_rows(options->path, texts, report, err);
	drops = report_watch_end(watch);
	if (r < 0) {
		cJSON_Delete(drops);
		cJSON_Delete(report);
		return r;
	}
	cJSON_AddItemToObject(report, "drops", drops);
	*ret = report;
	return 0;
}
