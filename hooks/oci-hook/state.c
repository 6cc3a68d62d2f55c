/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/json_pick.h"
#include "hooks/oci-hook/state.h"

/* How CRI-O and containerd mark the container that stands for the sandbox. Podman has some of the
 * first, empty, or "container" for all of a pod. */
static const struct {
	const char *type;
	const char *sandbox;
} runtimes[] = {
	{"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"},
	{"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"},
};

static const struct json_pick annotations[] = {
	{"io.kubernetes.cri-o.ContainerType", NULL},
	{"io.kubernetes.cri-o.SandboxID", NULL},
	{"io.kubernetes.cri.container-type", NULL},
	{"io.kubernetes.cri.sandbox-id", NULL},
	{NULL, NULL},
};
static const struct json_pick members[] = {
	{"id", NULL},
	{"annotations", annotations},
	{NULL, NULL},
};

/* NULL: not there, or no string. */
static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static const char *sandbox_of(const cJSON *state)
{
	const cJSON *marks = cJSON_GetObjectItemCaseSensitive(state, "annotations");
	for (size_t i = 0; i < sizeof(runtimes) / sizeof(runtimes[0]); i++) {
		const char *type = text_of(marks, runtimes[i].type);
		const char *sandbox = text_of(marks, runtimes[i].sandbox);
		if (type && strcmp(type, "sandbox") == 0 && sandbox && sandbox[0])
			return sandbox;
	}
	return text_of(state, "id");
}

int oci_state_parse(const char *text, size_t length, char ret[static JOURNAL_SANDBOX_MAX + 1],
                    struct error *err)
{
	static const struct json_limit limit = {.length = OCI_STATE_MAX, .values = 1U << 20};
	struct json_cursor cursor;
	struct json_slice slice;
	cJSON *tree = NULL;
	json_open(&cursor, "state", text, length);
	int r = json_pick(&cursor, members, &limit, &slice, &tree, err);
	if (r == 0)
		r = json_finish(&cursor, err);
	if (r < 0) {
		r = error_set(err, r, "state: %s", strerror(-r));
		goto free;
	}
	const char *id = sandbox_of(tree);
	size_t id_length = id ? strlen(id) : 0;
	if (id_length == 0 || id_length > JOURNAL_SANDBOX_MAX)
		r = error_set(err, -EBADMSG, "state: an id of %zu characters: 1 to %d expected",
		              id_length, JOURNAL_SANDBOX_MAX);
	else
		memcpy(ret, id, id_length + 1);
free:
	cJSON_Delete(tree);
	return r;
}
