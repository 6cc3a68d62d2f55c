/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "nft-sync/answer/command_parts.h"
#include "nft-sync/answer/commands.h"
#include "nft-sync/answer/ends.h"
#include "nft-sync/judge/explain.h"

static const char *text_of(const cJSON *request, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(request, key);
	return cJSON_IsString(item) ? item->valuestring : "";
}

static cJSON *failure(const char *text)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddBoolToObject(answer, "ok", false);
	cJSON_AddStringToObject(answer, "error", text);
	return answer;
}

static cJSON *success(void)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddBoolToObject(answer, "ok", true);
	return answer;
}

static cJSON *answer_status(struct sync *sync, const cJSON *request)
{
	(void)request;
	cJSON *answer = success();
	cJSON_AddStringToObject(answer, "node", sync->config->node.name);
	cJSON_AddStringToObject(answer, "table", sync->config->nft_sync.table);
	cJSON_AddNumberToObject(answer, "uptime", (double)(time(NULL) - sync->history.started));
	cJSON_AddItemToObject(answer, "health", health_object(sync));
	cJSON_AddItemToObject(answer, "sources", sources_object(sync));
	cJSON_AddItemToObject(answer, "interfaces", interfaces_object(sync));
	cJSON_AddItemToObject(answer, "kernel", kernel_object(sync));
	cJSON_AddItemToObject(answer, "cleanUps", clean_ups_object(sync));
	cJSON_AddItemToObject(answer, "problems", problems_object(sync));
	return answer;
}

static cJSON *answer_pods(struct sync *sync, const cJSON *request)
{
	(void)request;
	cJSON *answer = success();
	cJSON_AddStringToObject(answer, "nodeMode", mode_name(sync->config->enforcing_mode));
	cJSON_AddItemToObject(answer, "pods", pods_object(sync));
	return answer;
}

static cJSON *answer_groups(struct sync *sync, const cJSON *request)
{
	(void)request;
	cJSON *answer = success();
	cJSON_AddItemToObject(answer, "groups", groups_object(sync));
	return answer;
}

static cJSON *answer_explain(struct sync *sync, const cJSON *request)
{
	struct error err = {0};
	const cJSON *port = cJSON_GetObjectItemCaseSensitive(request, "originalPort");
	struct explain_request asked = {.source = text_of(request, "source"),
	                                .destination = text_of(request, "destination"),
	                                .what = text_of(request, "what"),
	                                .in = text_of(request, "in")};
	struct passage_facts facts = {
		.resolution = sync->resolution, .model = sync->model, .host = &sync->host};
	cJSON *answer = NULL;
	if (cJSON_IsNumber(port) && port->valuedouble >= 0 && port->valuedouble <= 65535)
		asked.original_port = (uint16_t)port->valuedouble;
	if (!sync->resolution)
		return failure("nothing is resolved yet");
	if (explain(&asked, &facts, &answer, &err) < 0)
		return failure(err.text);
	cJSON_AddBoolToObject(answer, "ok", true);
	return answer;
}

static cJSON *answer_ends(struct sync *sync, const cJSON *request)
{
	(void)request;
	if (!sync->resolution)
		return failure("nothing is resolved yet");
	cJSON *answer = ends_answer(sync);
	cJSON_AddBoolToObject(answer, "ok", true);
	return answer;
}

static cJSON *answer_services(struct sync *sync, const cJSON *request)
{
	struct error err = {0};
	if (!sync->resolution)
		return failure("nothing is resolved yet");
	cJSON *answer = services_answer(sync, request, &err);
	if (!answer)
		return failure(err.text);
	cJSON_AddBoolToObject(answer, "ok", true);
	return answer;
}

static const struct {
	const char *name;
	cJSON *(*answer)(struct sync *sync, const cJSON *request);
} commands[] = {
	{"status", answer_status},   {"pods", answer_pods}, {"groups", answer_groups},
	{"explain", answer_explain}, {"ends", answer_ends}, {"services", answer_services},
};

cJSON *command_answer(struct sync *sync, const cJSON *request)
{
	const char *name = text_of(request, "command");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].answer(sync, request);
	return failure("unknown command: expected status, pods, groups, explain, ends, services, "
	               "monitor or "
	               "attach");
}
