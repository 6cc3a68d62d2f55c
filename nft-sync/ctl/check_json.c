/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "nft-sync/ctl/check_output.h"

static void print(cJSON *answer)
{
	char *text = cJSON_Print(answer);
	if (text)
		puts(text);
	cJSON_free(text);
	cJSON_Delete(answer);
}

static void add_known(cJSON *object, const char *key, const char *value)
{
	if (value && value[0])
		cJSON_AddStringToObject(object, key, value);
}

static void add_finding(cJSON *findings, const struct finding *finding)
{
	cJSON *entry = cJSON_CreateObject();
	cJSON *object;
	cJSON_AddStringToObject(entry, "check", finding->check->id);
	cJSON_AddStringToObject(entry, "severity", severity_name(finding->check->severity));
	object = cJSON_AddObjectToObject(entry, "object");
	cJSON_AddStringToObject(object, "kind", finding->kind);
	add_known(object, "namespace", finding->object.namespace);
	cJSON_AddStringToObject(object, "name", finding->object.name);
	add_known(entry, "file", finding->object.file);
	if (finding->object.line)
		cJSON_AddNumberToObject(entry, "line", finding->object.line);
	cJSON_AddStringToObject(entry, "what", finding->what);
	cJSON_AddStringToObject(entry, "why", finding->check->why);
	add_known(entry, "fix", finding->fix);
	cJSON_AddItemToArray(findings, entry);
}

static void add_check(cJSON *checks, const struct check *check, const struct check_group *group)
{
	cJSON_AddStringToObject(checks, "id", check->id);
	cJSON_AddStringToObject(checks, "group", group->name);
	cJSON_AddStringToObject(checks, "severity", severity_name(check->severity));
	cJSON_AddStringToObject(checks, "title", check->title);
}

static void add_outcome(cJSON *entry, const struct outcome *outcome)
{
	static const char *const states[] = {
		[OUTCOME_CLEAN] = "clean",
		[OUTCOME_FOUND] = "found",
		[OUTCOME_IDLE] = "nothing to judge",
		[OUTCOME_NOT_JUDGED] = "not judged",
	};
	cJSON *needs;
	cJSON_AddStringToObject(entry, "state", states[outcome_state(outcome)]);
	cJSON_AddNumberToObject(entry, "judged", (double)outcome->judged);
	cJSON_AddNumberToObject(entry, "found", (double)outcome->found);
	needs = cJSON_AddArrayToObject(entry, "needs");
	for (size_t i = 0; i < outcome->need_count; i++)
		cJSON_AddItemToArray(needs, cJSON_CreateString(outcome->needs[i]));
}

static void add_checks(cJSON *answer, const struct check_run *run)
{
	cJSON *checks = cJSON_AddArrayToObject(answer, "checks");
	size_t i = 0;
	for (const struct check_group *const *group = check_groups; *group; group++) {
		for (size_t k = 0; (*group)->checks[k]; k++, i++) {
			cJSON *entry;
			if (run->outcomes[i].skipped)
				continue;
			entry = cJSON_CreateObject();
			add_check(entry, run->all[i], *group);
			add_outcome(entry, &run->outcomes[i]);
			cJSON_AddItemToArray(checks, entry);
		}
	}
}

static void add_summary(cJSON *answer, const struct check_report *report)
{
	const struct check_summary *summary = &report->summary;
	cJSON *entry = cJSON_AddObjectToObject(answer, "summary");
	cJSON_AddNumberToObject(entry, "errors", (double)summary->errors);
	cJSON_AddNumberToObject(entry, "warnings", (double)summary->warnings);
	cJSON_AddNumberToObject(entry, "infos", (double)summary->infos);
	cJSON_AddNumberToObject(entry, "clean", (double)summary->clean);
	cJSON_AddNumberToObject(entry, "nothingToJudge", (double)summary->idle);
	cJSON_AddNumberToObject(entry, "notJudged", (double)summary->not_judged);
}

static void add_unread(cJSON *answer, const struct check_report *report)
{
	cJSON *unread = cJSON_AddArrayToObject(answer, "notRead");
	for (size_t i = 0; i < report->unread_count; i++) {
		cJSON *entry = cJSON_CreateObject();
		cJSON_AddStringToObject(entry, "document", report->unread[i].what);
		cJSON_AddStringToObject(entry, "error", report->unread[i].why);
		cJSON_AddBoolToObject(entry, "lacking", report->unread[i].lacking);
		cJSON_AddItemToArray(unread, entry);
	}
}

void check_print_json(const struct check_report *report)
{
	const struct finding *findings = report->run->findings.items;
	cJSON *answer = cJSON_CreateObject(), *list;
	cJSON_AddNumberToObject(answer, "version", 1);
	add_known(answer, "node", report->run->facts->node);
	add_known(answer, "namespace", report->run->facts->namespace);
	add_summary(answer, report);
	add_checks(answer, report->run);
	list = cJSON_AddArrayToObject(answer, "findings");
	for (size_t i = 0; i < report->run->findings.count; i++)
		add_finding(list, &findings[i]);
	add_unread(answer, report);
	print(answer);
}

void check_list_json(void)
{
	cJSON *answer = cJSON_CreateArray();
	for (const struct check_group *const *group = check_groups; *group; group++)
		for (const struct check *const *check = (*group)->checks; *check; check++) {
			cJSON *entry = cJSON_CreateObject();
			add_check(entry, *check, *group);
			cJSON_AddStringToObject(entry, "why", (*check)->why);
			cJSON_AddStringToObject(entry, "source", (*check)->source);
			cJSON_AddItemToArray(answer, entry);
		}
	print(answer);
}
