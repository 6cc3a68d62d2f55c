/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "common/log.h"
#include "nft-sync/source/source_kubernetes_remote.h"

#define TEXT_QUOTED_SIZE 1100

static void refuse(const struct kube_object *object, const char *text)
{
	char quoted[TEXT_QUOTED_SIZE];

	log_event(LOG_LEVEL_ERROR, "object-refused", "object=kubernetes/pods/%s/%s text=%s",
	          object->namespace, object->name, log_quote(text, quoted, sizeof(quoted)));
}

static int put(struct model *model, const struct kube_object *object, const char *api_version,
               struct error *err)
{
	struct document *document;
	int ret = document_parse_object(object->name, api_version, "Pod", object->text.text,
	                                object->text.length, &document, err);

	if (ret < 0)
		return ret;
	if (document->pod_count == 1)
		ret = model_put_remote_pod(model, &document->pods[0], object->digest, err);
	document_free(document);
	return ret;
}

/* Most of what is said of a pod is about its health, and that is no part of the digest. */
bool remote_pod_take(struct model *model, const struct kube_object *object, const char *api_version,
                     char *complaint, size_t size)
{
	uint64_t before = model_generation(model);
	struct error failure = {0};

	if (object->change == KUBE_DELETED) {
		model_remove_remote_pod(model, object->namespace, object->name);
	} else if (!model_same_remote_pod(model, object->namespace, object->name, object->digest) &&
	           put(model, object, api_version, &failure) < 0) {
		refuse(object, failure.text);
		(void)snprintf(complaint, size, "%s", failure.text);
	}
	return model_generation(model) != before;
}
