/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "common/file.h"
#include "nft-sync/check/facts_host.h"

#define CONFIGURATION_MAX (1U << 20) /* bytes of a file */
#define PLUGINS_MAX 64

bool host_has_binary(const char *directory, const char *name)
{
	char path[4096];
	/* A type is a name, never a way out of the directory. */
	if (!name[0] || strchr(name, '/'))
		return false;
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return access(path, X_OK) == 0;
}

/* libcni looks at nothing but the end. */
static int is_configuration(const struct dirent *entry)
{
	static const char *const ends[] = {".conflist", ".conf", ".json"};
	const char *dot = strrchr(entry->d_name, '.');
	for (size_t i = 0; dot && i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(dot, ends[i]) == 0)
			return 1;
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* 0: it is no network that a runtime would take. */
static size_t add_plugins(struct host_sight *sight, const cJSON *tree)
{
	const cJSON *plugins = cJSON_GetObjectItemCaseSensitive(tree, "plugins");
	const cJSON *plugin = plugins ? plugins->child : tree;
	struct host_chain *chain = &sight->chain;
	for (chain->count = 0; plugin && chain->count < PLUGINS_MAX; plugin = plugin->next) {
		const cJSON *type = cJSON_GetObjectItemCaseSensitive(plugin, "type");
		const char *kept = cJSON_IsString(type)
		                           ? host_text_keep(sight->arena, type->valuestring)
		                           : NULL;
		if (!kept)
			return 0;
		chain->plugins[chain->count++] = kept;
		if (!plugins)
			break;
	}
	return chain->count;
}

/* 1: this is the network. Files that are none are passed over, as runtimes do. */
static int read_configuration(struct host_sight *sight, const char *path)
{
	struct error failure = {0};
	char *text;
	size_t length;
	int r = file_read(path, CONFIGURATION_MAX, &text, &length, &failure);
	if (r == -EACCES)
		sight->chain_error = failure;
	if (r < 0)
		return r == -EACCES ? 1 : 0;
	cJSON *tree = cJSON_ParseWithLength(text, length);
	bool is_network = cJSON_IsObject(tree) && add_plugins(sight, tree) > 0;
	cJSON_Delete(tree);
	free(text);
	if (!is_network)
		return 0;
	sight->chain.file = host_text_keep(sight->arena, path);
	return sight->chain.file ? 1 : -ENOMEM;
}

int host_chain_read(struct host_sight *sight, const char *directory)
{
	struct dirent **names;
	int r = 0;
	sight->chain.plugins = arena_array(sight->arena, PLUGINS_MAX, sizeof(char *));
	if (!sight->chain.plugins)
		return -ENOMEM;
	int count = scandir(directory, &names, is_configuration, by_name);
	if (count < 0 && errno != ENOENT)
		error_set(&sight->chain_error, -errno, "%s: %s", directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		char path[4096];
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]->d_name);
		if (r == 0)
			r = read_configuration(sight, path);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return r < 0 ? r : 0;
}
