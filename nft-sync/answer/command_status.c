/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <time.h>

#include "nft-sync/answer/command_parts.h"
#include "nft-sync/answer/health.h"

static void add_age(cJSON *object, const char *key, int64_t since)
{
	if (since)
		cJSON_AddNumberToObject(object, key, (double)(time(NULL) - since));
	else
		cJSON_AddNullToObject(object, key);
}

static cJSON *file_object(const struct source_file *file)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "kind", "file");
	cJSON_AddStringToObject(object, "name", file->name);
	cJSON_AddStringToObject(object, "state", source_file_state_name(file->state));
	cJSON_AddNumberToObject(object, "objects", (double)file->objects);
	add_age(object, "age", file->loaded);
	if (file->error[0])
		cJSON_AddStringToObject(object, "error", file->error);
	if (file->copy_error[0])
		cJSON_AddStringToObject(object, "copyError", file->copy_error);
	return object;
}

static const char *live_state(const struct source_status *status)
{
	if (status->absent)
		return "absent";
	if (!status->synced)
		return "not read yet";
	return status->current ? "good" : "stale";
}

static void add_live(void *context, const struct source_status *status)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "kind", status->source);
	cJSON_AddStringToObject(object, "name", status->what);
	cJSON_AddStringToObject(object, "state", live_state(status));
	cJSON_AddNumberToObject(object, "objects", (double)status->objects);
	add_age(object, "age", status->fresh);
	cJSON_AddNumberToObject(object, "failures", (double)status->failures);
	if (status->error[0])
		cJSON_AddStringToObject(object, "error", status->error);
	cJSON_AddItemToArray(context, object);
}

/* One line of it: of its files there are as many as pods. */
static cJSON *journal_object(const struct source_journal *journal, const char *directory)
{
	const struct journal_summary summary = source_journal_summary(journal);
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "kind", "journal");
	cJSON_AddStringToObject(object, "name", directory);
	cJSON_AddStringToObject(object, "state", summary.problem[0] ? "broken" : "good");
	cJSON_AddNumberToObject(object, "objects", (double)summary.attachments);
	cJSON_AddNumberToObject(object, "broken", (double)summary.broken);
	add_age(object, "age", summary.newest);
	if (summary.problem[0])
		cJSON_AddStringToObject(object, "error", summary.problem);
	return object;
}

cJSON *sources_object(const struct sync *sync)
{
	size_t count = 0;
	const struct source_file *files = NULL;
	cJSON *array = cJSON_CreateArray();
	if (sync->files)
		files = source_files_list(sync->files, &count);
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(array, file_object(&files[i]));
	if (sync->journal)
		cJSON_AddItemToArray(array,
		                     journal_object(sync->journal, sync->config->hooks.journal));
	live_sources_each(sync->live, add_live, array);
	return array;
}

static void add_sentence(void *context, enum health_grade grade, const char *sentence)
{
	cJSON *array = cJSON_GetObjectItemCaseSensitive(
		context, grade == HEALTH_FAILURE ? "failures" : "warnings");
	cJSON_AddItemToArray(array, cJSON_CreateString(sentence));
}

cJSON *health_object(const struct sync *sync)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddArrayToObject(object, "failures");
	cJSON_AddArrayToObject(object, "warnings");
	cJSON_AddBoolToObject(object, "healthy", health_each(sync, add_sentence, object));
	return object;
}

const char *branch_state_name(const struct branch *branch)
{
	switch (branch->state) {
	case BRANCH_OPEN:
		return "open";
	case BRANCH_CLOSED:
		return "closed";
	case BRANCH_CLAIMED:
		return "claimed";
	}
	return "";
}

cJSON *interfaces_object(const struct sync *sync)
{
	const struct resolution *resolution = sync->resolution;
	size_t states[3] = {0};
	size_t orphans = 0;
	size_t absent = 0;
	cJSON *object = cJSON_CreateObject();
	for (size_t i = 0; resolution && i < resolution->branch_count; i++) {
		states[resolution->branches[i].state]++;
		orphans += resolution->branches[i].orphan;
		absent += !resolution->branches[i].present;
	}
	cJSON_AddNumberToObject(object, "open", (double)states[BRANCH_OPEN]);
	cJSON_AddNumberToObject(object, "closed", (double)states[BRANCH_CLOSED]);
	cJSON_AddNumberToObject(object, "claimed", (double)states[BRANCH_CLAIMED]);
	cJSON_AddNumberToObject(object, "orphans", (double)orphans);
	cJSON_AddNumberToObject(object, "absent", (double)absent);
	return object;
}

static cJSON *commit_object(const struct sync_history *history)
{
	cJSON *object = cJSON_CreateObject();
	add_age(object, "age", history->committed);
	cJSON_AddNumberToObject(object, "commits", (double)history->commits);
	cJSON_AddNumberToObject(object, "milliseconds", history->commit_milliseconds);
	cJSON_AddNumberToObject(object, "generation", history->report.generation);
	cJSON_AddNumberToObject(object, "messages", history->report.messages);
	cJSON_AddNumberToObject(object, "bytes", (double)history->report.bytes);
	cJSON_AddNumberToObject(object, "elementsAdded", (double)history->report.elements_added);
	cJSON_AddNumberToObject(object, "elementsDeleted",
	                        (double)history->report.elements_deleted);
	return object;
}

static cJSON *repairs_object(const struct sync_history *history)
{
	cJSON *object = cJSON_CreateObject();
	cJSON_AddNumberToObject(object, "count", (double)history->repairs);
	add_age(object, "age", history->repaired);
	if (history->repairs) {
		cJSON_AddStringToObject(object, "process", history->tampering.process);
		cJSON_AddNumberToObject(object, "pid", history->tampering.pid);
		cJSON_AddStringToObject(object, "what", history->tampering.what);
	}
	return object;
}

cJSON *kernel_object(struct sync *sync)
{
	const struct sync_history *history = &sync->history;
	cJSON *object = cJSON_CreateObject();
	cJSON_AddBoolToObject(object, "inForce", history->error.code == 0 && sync->image);
	cJSON_AddNumberToObject(object, "errors", (double)history->errors);
	if (history->error.code)
		cJSON_AddStringToObject(object, "error", history->error.text);
	cJSON_AddNumberToObject(object, "flowsCut", (double)history->flows_cut);
	cJSON_AddNumberToObject(object, "ruleSets", (double)history->render.rule_sets);
	cJSON_AddNumberToObject(object, "elements", (double)history->render.elements);
	cJSON_AddItemToObject(object, "lastCommit", commit_object(history));
	cJSON_AddItemToObject(object, "repairs", repairs_object(history));
	return object;
}

cJSON *clean_ups_object(const struct sync *sync)
{
	const struct clean_up_history *history = &sync->history.clean_ups;
	cJSON *object = cJSON_CreateObject();
	cJSON_AddNumberToObject(object, "open", (double)history->open);
	if (history->error.code)
		cJSON_AddStringToObject(object, "error", history->error.text);
	return object;
}

static void add_warnings(cJSON *array, const struct document *document)
{
	for (size_t i = 0; i < document->warning_count && i < DOCUMENT_WARNINGS_MAX; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(document->warnings[i]));
}

cJSON *problems_object(const struct sync *sync)
{
	cJSON *array = cJSON_CreateArray();
	for (size_t i = 0; sync->resolution && i < sync->resolution->problem_count; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(sync->resolution->problems[i]));
	for (size_t i = 0; i < sync->problem_count; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(sync->problems[i]));
	if (sync->history.config_error.code)
		cJSON_AddItemToArray(array, cJSON_CreateString(sync->history.config_error.text));
	if (sync->history.branches_error.code)
		cJSON_AddItemToArray(array, cJSON_CreateString(sync->history.branches_error.text));
	if (sync->history.clean_ups.error.code)
		cJSON_AddItemToArray(array, cJSON_CreateString(sync->history.clean_ups.error.text));
	if (sync->files && source_files_problem(sync->files)[0])
		cJSON_AddItemToArray(array, cJSON_CreateString(source_files_problem(sync->files)));
	for (size_t i = 0; i < model_document_count(sync->model); i++)
		add_warnings(array, model_document(sync->model, i));
	return array;
}
