/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The Kubernetes source alone, for tests: kube_source KUBECONFIG NODE.
 * Prints a line of JSON whenever what it knows is something else than before. Reads commands, one a
 * line: "want" (members of groups are needed from now on), "unwant", "commit STATE MODE GROUP"
 * (every pod of the node has such a branch interface in force; sg-known is a group that the model
 * knows), "passed" (likewise, but podsg-cni had let them pass), "pass POD" (it has let one pass
 * that is not known), "reload" (looks whether it has to be opened anew), "close" (ends it). Its log
 * is on standard error.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "nft-sync/source/source_kubernetes.h"
#include "tests/live/driver.h"

#define BRANCHES_MAX 256
#define GROUPS "{\"SecurityGroups\": [{\"GroupId\": \"sg-known\"}]}"

static const struct live_kind *const kinds[] = {&source_kubernetes_kind, NULL};

static void *source_of(const struct driver *driver)
{
	const struct live_sources *live = driver->context;

	return live->sources[0].source;
}

static cJSON *status_of(const struct source_status *status)
{
	cJSON *tree = cJSON_CreateObject();

	cJSON_AddBoolToObject(tree, "synced", status->synced);
	cJSON_AddBoolToObject(tree, "current", status->current);
	cJSON_AddBoolToObject(tree, "absent", status->absent);
	cJSON_AddNumberToObject(tree, "objects", (double)status->objects);
	cJSON_AddNumberToObject(tree, "failures", (double)status->failures);
	cJSON_AddStringToObject(tree, "error", status->error);
	return tree;
}

static cJSON *snapshot(const struct driver *driver)
{
	struct source_status statuses[SOURCE_STATUS_MAX];
	size_t count =
		source_kubernetes_kind.status(source_of(driver), statuses, SOURCE_STATUS_MAX);
	cJSON *tree = cJSON_CreateObject();
	cJSON *documents = cJSON_AddArrayToObject(tree, "documents");
	cJSON *status = cJSON_AddObjectToObject(tree, "status");

	cJSON_AddBoolToObject(tree, "synced", source_kubernetes_kind.synced(source_of(driver)));
	cJSON_AddNumberToObject(tree, "changes", driver->changes);
	cJSON_AddNumberToObject(tree, "remote", (double)model_remote_count(driver->model));
	for (size_t i = 0; i < model_document_count(driver->model); i++)
		cJSON_AddItemToArray(documents,
		                     cJSON_CreateString(model_document(driver->model, i)->name));
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToObject(status, statuses[i].what, status_of(&statuses[i]));
	return tree;
}

static void close_source(struct driver *driver)
{
	live_sources_close(driver->context);
}

static void want(const struct driver *driver, size_t count)
{
	char group[] = "sg-members";
	char *groups[] = {group};
	const struct wanted wanted = {.members = {.ids = groups, .count = count}};

	source_kubernetes_kind.want(source_of(driver), &wanted);
}

static struct branch branch_of(const struct pod *pod, const char *state, const char *mode,
                               const char **group)
{
	return (struct branch){
		.interface = "vlan0",
		.namespace = pod->namespace,
		.pod = pod->name,
		.uid = pod->uid,
		.mode = strcmp(mode, "strict") == 0 ? MODE_STRICT : MODE_STANDARD,
		.state = strcmp(state, "open") == 0 ? BRANCH_OPEN : BRANCH_CLOSED,
		.present = true,
		.groups = group,
		.group_count = 1,
	};
}

static void commit(struct driver *driver, const char *words)
{
	struct branch branches[BRANCHES_MAX];
	struct resolution resolution = {.config = driver->config, .branches = branches};
	const struct pod *const *pods;
	size_t count;
	char state[16];
	char mode[16];
	char group[32];
	const char *groups[] = {group};

	if (sscanf(words, "%15s %15s %31s", state, mode, group) != 3 ||
	    model_pods(driver->model, &pods, &count) < 0)
		return;
	for (size_t i = 0; i < count && i < BRANCHES_MAX; i++)
		branches[resolution.branch_count++] = branch_of(pods[i], state, mode, groups);
	live_sources_committed(driver->context, &resolution);
}

static void commit_passed(struct driver *driver)
{
	struct branch branches[BRANCHES_MAX];
	struct resolution resolution = {.config = driver->config, .branches = branches};
	const struct pod *const *pods;
	size_t count;

	if (model_pods(driver->model, &pods, &count) < 0)
		return;
	for (size_t i = 0; i < count && i < BRANCHES_MAX; i++) {
		branches[i] = branch_of(pods[i], "open", "strict", NULL);
		branches[i].group_count = 0;
		branches[i].sandbox =
			(struct branch_sandbox){.sandbox = "s1", .state = ATTACHMENT_UNFILTERED};
		resolution.branch_count++;
	}
	live_sources_committed(driver->context, &resolution);
}

static void commit_unknown(struct driver *driver, const char *pod)
{
	struct unfiltered unknown = {
		.namespace = "shop", .pod = pod, .uid = "uid-unknown", .interface = "veth7"};
	struct resolution resolution = {
		.config = driver->config, .unfiltered = &unknown, .unfiltered_count = 1};

	live_sources_committed(driver->context, &resolution);
}

static void obey(struct driver *driver, char *command)
{
	if (strcmp(command, "want") == 0)
		want(driver, 1);
	else if (strcmp(command, "unwant") == 0)
		want(driver, 0);
	else if (strncmp(command, "commit ", 7) == 0)
		commit(driver, command + 7);
	else if (strcmp(command, "passed") == 0)
		commit_passed(driver);
	else if (strncmp(command, "pass ", 5) == 0)
		commit_unknown(driver, command + 5);
	else if (strcmp(command, "reload") == 0)
		(void)live_sources_configure(driver->context, driver->config);
}

static int put_groups(struct model *model, struct error *err)
{
	struct document *document;
	int ret = document_parse("groups", DOCUMENT_JSON, GROUPS, strlen(GROUPS), &document, err);

	return ret < 0 ? ret : model_put(model, document, err);
}

static int open_driver(struct driver *driver, const char *kubeconfig, const char *node,
                       struct error *err)
{
	char text[1024];
	int length = snprintf(text, sizeof(text),
	                      "{version: 1, node: {name: \"%s\"},"
	                      " sources: {kubernetes: {kubeconfig: \"%s\"}}}",
	                      node, kubeconfig);
	int ret = config_parse("test", text, (size_t)length, &driver->config, err);

	if (ret < 0)
		return ret;
	driver->model = model_new();
	ret = put_groups(driver->model, err);
	if (ret < 0)
		return ret;
	uv_loop_init(&driver->loop);
	live_sources_init(driver->context, kinds, &driver->loop, driver->model, driver_changed,
	                  driver);
	(void)live_sources_configure(driver->context, driver->config);
	if (!source_of(driver))
		return error_set(err, -EINVAL, "the source is not open");
	driver_start(driver);
	return 0;
}

int main(int argc, char **argv)
{
	static struct live_sources live;
	static struct driver driver = {
		.snapshot = snapshot, .obey = obey, .close = close_source, .context = &live};
	struct error err = {0};

	if (argc != 3) {
		fprintf(stderr, "usage: kube_source KUBECONFIG NODE\n");
		return 2;
	}
	if (open_driver(&driver, argv[1], argv[2], &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	uv_run(&driver.loop, UV_RUN_DEFAULT);
	driver_done(&driver);
	return 0;
}
