/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/journal.h"
#include "common/json_pick.h"
#include "hooks/cni/cni_call.h"

const char *const cni_versions[] = {"0.3.1", "0.4.0", "1.0.0", CNI_VERSION_LATEST, NULL};

#define NETNS_SIZE sizeof(((struct attachment *)0)->netns)

struct pod_argument {
	const char *name;
	char *value;
	size_t size;
};

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	return value ? value : "";
}

/* No control characters, which no journal holds. */
static bool is_text(const char *text, size_t length, unsigned char last)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (byte < ' ' || byte == 0x7f || byte > last)
			return false;
	}
	return true;
}

static void take_argument(struct cni_call *call, const char *pair, size_t length)
{
	const struct pod_argument known[] = {
		{"K8S_POD_NAMESPACE", call->namespace, sizeof(call->namespace)},
		{"K8S_POD_NAME", call->pod, sizeof(call->pod)},
		{"K8S_POD_UID", call->uid, sizeof(call->uid)},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t name = strlen(known[i].name);
		if (length <= name || pair[name] != '=' || strncmp(pair, known[i].name, name) != 0)
			continue;
		const char *value = pair + name + 1;
		size_t size = length - name - 1;
		if (size < known[i].size && is_text(value, size, '~'))
			(void)snprintf(known[i].value, known[i].size, "%.*s", (int)size, value);
		else if (!call->unusable[0])
			call->unusable = known[i].name;
	}
}

void cni_call_environment(struct cni_call *call)
{
	*call = (struct cni_call){
		.command = variable("CNI_COMMAND"),
		.sandbox = variable("CNI_CONTAINERID"),
		.netns = variable("CNI_NETNS"),
		.ifname = variable("CNI_IFNAME"),
		.unusable = "",
	};
	for (const char *pair = variable("CNI_ARGS"); *pair;) {
		size_t length = strcspn(pair, ";");
		take_argument(call, pair, length);
		pair += length + (pair[length] == ';');
	}
	/* Podman gives its containers' names as K8S_POD_NAME, without a namespace. */
	if (!call->namespace[0] || !call->pod[0])
		call->namespace[0] = call->pod[0] = call->uid[0] = '\0';
}

static enum cni_code check_values(const struct cni_call *call, struct cni_failure *failure)
{
	struct error err = {0};
	size_t length = strlen(call->netns);
	if (attachment_check_name(call->sandbox, call->ifname, &err) < 0)
		return cni_fail(failure, CNI_INVALID_ENVIRONMENT, err.text,
		                "CNI_CONTAINERID or CNI_IFNAME cannot be used");
	if (length >= NETNS_SIZE || !is_text(call->netns, length, 0xff))
		return cni_fail(failure, CNI_INVALID_ENVIRONMENT, "",
		                "CNI_NETNS: expected a path of at most %zu characters, without "
		                "control characters",
		                NETNS_SIZE - 1);
	if (call->unusable[0])
		return cni_fail(failure, CNI_INVALID_ENVIRONMENT, "",
		                "CNI_ARGS: %s is longer than Kubernetes has it, or has characters "
		                "that no name has",
		                call->unusable);
	return CNI_OK;
}

enum cni_code cni_call_check(const struct cni_call *call, struct cni_failure *failure)
{
	const struct {
		const char *name;
		const char *value;
		const char *commands;
	} needed[] = {
		{"CNI_CONTAINERID", call->sandbox, " ADD DEL CHECK "},
		{"CNI_NETNS", call->netns, " ADD CHECK "},
		{"CNI_IFNAME", call->ifname, " ADD DEL CHECK "},
	};
	char word[16];
	(void)snprintf(word, sizeof(word), " %.12s ", call->command);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!needed[i].value[0] && strstr(needed[i].commands, word))
			return cni_fail(failure, CNI_INVALID_ENVIRONMENT, "", "%s: %s is not set",
			                call->command, needed[i].name);
	return strstr(" ADD CHECK ", word) ? check_values(call, failure) : CNI_OK;
}

/* A member of the wrong type or that does not fit is like none. */
static void take_text(const struct json_slice *value, char *ret, size_t size)
{
	cJSON *tree = json_tree(value);
	const char *text = cJSON_GetStringValue(tree);
	if (text && strlen(text) < size)
		(void)snprintf(ret, size, "%s", text);
	cJSON_Delete(tree);
}

static void take_slice(const struct json_slice *value, struct json_slice *ret)
{
	static const struct json_slice none = {0};
	*ret = json_slice_is(value, "null") ? none : *value;
}

/* GC's list has two names, since a text of the specification had the wrong one; libcni gives both.
 */
static const struct json_pick members[] = {
	{"cniVersion", NULL},
	{"config", NULL},
	{"prevResult", NULL},
	{"cni.dev/attachments", NULL},
	{"cni.dev/valid-attachments", NULL},
	{NULL, NULL},
};

static void take_member(void *context, const struct json_pick *pick, const struct json_slice *value)
{
	struct cni_call *call = context;
	switch (pick - members) {
	case 0:
		take_text(value, call->version, sizeof(call->version));
		return;
	case 1:
		take_text(value, call->config, sizeof(call->config));
		call->config_refused = !call->config[0];
		return;
	case 2:
		take_slice(value, &call->previous);
		return;
	default:
		take_slice(value, &call->valid);
	}
}

static enum cni_code check_version(const struct cni_call *call, struct cni_failure *failure)
{
	for (size_t i = 0; cni_versions[i]; i++)
		if (strcmp(call->version, cni_versions[i]) == 0)
			return CNI_OK;
	return cni_fail(failure, CNI_INCOMPATIBLE_VERSION,
	                "podsg-cni understands 0.3.1, 0.4.0, 1.0.0 and 1.1.0",
	                "cniVersion \"%s\" is not supported", call->version);
}

enum cni_code cni_call_parse(struct cni_call *call, const char *text, size_t length,
                             struct cni_failure *failure)
{
	struct json_cursor cursor;
	struct error err = {0};
	json_open(&cursor, NULL, text, length);
	int r = json_pick_each(&cursor, members, take_member, call, &err);
	if (r == 0)
		r = json_finish(&cursor, &err);
	if (r < 0)
		return cni_fail(failure, CNI_UNDECODABLE, err.text,
		                "the network configuration cannot be read");
	if (call->config_refused)
		return cni_fail(failure, CNI_INVALID_CONFIG, "",
		                "config: expected the path of a podsg.yaml");
	return check_version(call, failure);
}
