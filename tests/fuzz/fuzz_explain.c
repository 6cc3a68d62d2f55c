/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "nft-sync/judge/explain.h"
#include "nft-sync/resolve/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *text_of(const cJSON *request, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(request, key);
	return cJSON_IsString(item) ? item->valuestring : "";
}

/* A request of the control socket, on a node without pods. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *config;
	static struct model *model;
	static struct resolution *resolution;
	static struct host host;
	struct error err = {0};
	cJSON *answer = NULL;
	if (!config) {
		if (config_load(NULL, &config, &err) < 0 || !(model = model_new()) ||
		    resolve(model, config, &host, NULL, &resolution, &err) < 0)
			abort();
	}
	cJSON *json = cJSON_ParseWithLength((const char *)data, size);
	struct explain_request request = {.source = text_of(json, "source"),
	                                  .destination = text_of(json, "destination"),
	                                  .what = text_of(json, "what"),
	                                  .in = text_of(json, "in")};
	struct passage_facts facts = {.resolution = resolution, .model = model, .host = &host};
	if (explain(&request, &facts, &answer, &err) < 0 && err.text[0] == '\0')
		abort();
	cJSON_Delete(answer);
	cJSON_Delete(json);
	return 0;
}
