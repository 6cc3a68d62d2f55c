/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A pod whose annotation is text. */
static char *pod_of(const char *text)
{
	cJSON *pod = cJSON_CreateObject();
	cJSON *metadata = cJSON_AddObjectToObject(pod, "metadata");
	cJSON *annotations = cJSON_AddObjectToObject(metadata, "annotations");
	char *json;

	cJSON_AddStringToObject(pod, "apiVersion", "v1");
	cJSON_AddStringToObject(pod, "kind", "Pod");
	cJSON_AddStringToObject(metadata, "name", "a");
	cJSON_AddStringToObject(annotations, "vpc.amazonaws.com/pod-eni", text);
	json = cJSON_PrintUnformatted(pod);
	cJSON_Delete(pod);
	return json;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct document *document = NULL;
	struct error err = {0};
	char *text = strndup((const char *)data, size);
	char *json = text != NULL ? pod_of(text) : NULL;

	if (json != NULL &&
	    document_parse("f", DOCUMENT_JSON, json, strlen(json), &document, &err) == 0) {
		const struct branch_eni *eni = document->pods[0].eni;

		if (eni->id[0] == '\0' || eni->vlan_id < 1 || eni->vlan_id > 4094)
			abort();
	}
	document_free(document);
	free(json);
	free(text);
	return 0;
}
