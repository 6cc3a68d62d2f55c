/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/file_replace.h"
#include "nft-sync/answer/branches_file.h"
#include "nft-sync/judge/dns_permission.h"
#include "nft-sync/resolve/pod_groups.h"
#include "nft-sync/resolve/resolve.h"

#define FORMAT_VERSION 1
#define FILE_SIZE_MAX ((size_t)16 << 20)
#define GENERATION_MAX 9007199254740991.0 /* what a double still counts by one */

struct branches_file {
	char *path;
	double generation;
	char *written; /* what the file says but its version and generation; NULL = not known */
};

static bool add_bool(cJSON *object, const char *key, bool value)
{
	return cJSON_AddBoolToObject(object, key, value) != NULL;
}

static bool add_string(cJSON *object, const char *key, const char *value)
{
	return cJSON_AddStringToObject(object, key, value) != NULL;
}

static bool push_string(cJSON *array, const char *text)
{
	cJSON *item = cJSON_CreateString(text);

	if (item != NULL && cJSON_AddItemToArray(array, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static bool add_addresses(cJSON *object, const struct branch *branch)
{
	cJSON *array = cJSON_AddArrayToObject(object, "addresses");
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; array != NULL && i < branch->address_count; i++)
		if (!push_string(array, prefix_text(&branch->addresses[i], text)))
			return false;
	return array != NULL;
}

static bool add_groups(cJSON *object, const struct branch *branch)
{
	cJSON *array = cJSON_AddArrayToObject(object, "groups");

	for (size_t i = 0; array != NULL && i < branch->group_count; i++)
		if (!push_string(array, branch->groups[i]))
			return false;
	return array != NULL;
}

static bool add_dns(cJSON *object, const struct dns_permission *dns)
{
	cJSON *item = cJSON_AddObjectToObject(object, "dns");

	return item != NULL && add_bool(item, "udp", dns->udp) && add_bool(item, "tcp", dns->tcp) &&
	       add_string(item, "reason", dns->reason);
}

static bool add_pod(cJSON *object, const struct branch *branch)
{
	char *pod = NULL;
	bool ret;

	if (asprintf(&pod, "%s/%s", branch->namespace, branch->pod) < 0)
		return false;
	ret = add_string(object, "pod", pod) &&
	      add_string(object, "namespace", branch->namespace) &&
	      add_string(object, "name", branch->pod) && add_string(object, "uid", branch->uid) &&
	      cJSON_AddNumberToObject(object, "created", (double)branch->created) != NULL;
	free(pod);
	return ret;
}

static bool fill_branch(cJSON *object, const struct branch *branch,
                        const struct dns_permission *dns)
{
	return add_string(object, "interface", branch->interface) &&
	       add_string(object, "device", branch->device) && add_pod(object, branch) &&
	       add_string(object, "mode", mode_name(branch->mode)) &&
	       add_bool(object, "sourceDestCheck", branch->source_dest_check) &&
	       add_addresses(object, branch) && add_groups(object, branch) && add_dns(object, dns);
}

static cJSON *branches_json(const struct resolution *resolution, struct model *model)
{
	const struct judge_rules rules = {.group = model_judge_group,
	                                  .prefix_list = model_judge_prefix_list,
	                                  .context = model};
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; array != NULL && i < resolution->branch_count; i++) {
		const struct branch *branch = &resolution->branches[i];
		cJSON *object = cJSON_CreateObject();
		struct dns_permission dns;

		dns_permission(resolution, branch, &rules, &dns);
		if (object == NULL || !fill_branch(object, branch, &dns) ||
		    !cJSON_AddItemToArray(array, object)) {
			cJSON_Delete(object);
			cJSON_Delete(array);
			return NULL;
		}
	}
	return array;
}

/* {"address":"10.0.0.53","udp":53,"tcp":53} */
static cJSON *server_json(const struct dns_server *server)
{
	cJSON *object = cJSON_CreateObject();
	char text[PREFIX_TEXT_MAX];

	if (add_string(object, "address", prefix_text(&server->address, text)) &&
	    cJSON_AddNumberToObject(object, "udp", server->udp_port) != NULL &&
	    cJSON_AddNumberToObject(object, "tcp", server->tcp_port) != NULL)
		return object;
	cJSON_Delete(object);
	return NULL;
}

static cJSON *servers_json(const struct resolution *resolution)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; array != NULL && i < resolution->dns_server_count; i++) {
		cJSON *object = server_json(&resolution->dns_servers[i]);

		if (object == NULL || !cJSON_AddItemToArray(array, object)) {
			cJSON_Delete(object);
			cJSON_Delete(array);
			return NULL;
		}
	}
	return array;
}

static char *take_text(cJSON *array)
{
	char *text = array != NULL ? cJSON_PrintUnformatted(array) : NULL;

	cJSON_Delete(array);
	return text;
}

/* All but version and generation. */
static char *content_text(const struct resolution *resolution, struct model *model)
{
	char *servers = take_text(servers_json(resolution));
	char *branches = take_text(branches_json(resolution, model));
	char *text = NULL;

	if (servers != NULL && branches != NULL &&
	    asprintf(&text, "\"dnsServers\":%s,\"branches\":%s", servers, branches) < 0)
		text = NULL;
	cJSON_free(servers);
	cJSON_free(branches);
	return text;
}

int branches_file_write(struct branches_file *file, const struct resolution *resolution,
                        struct model *model, struct error *err)
{
	char *content = content_text(resolution, model);
	char *whole = NULL;
	int length;
	int ret = 0;

	if (content == NULL)
		return error_set(err, -ENOMEM, "%s: out of memory", file->path);
	if (file->written != NULL && strcmp(file->written, content) == 0)
		goto out;
	length = asprintf(&whole, "{\"version\":%d,\"generation\":%.0f,%s}\n", FORMAT_VERSION,
	                  file->generation + 1, content);
	if (length < 0) {
		whole = NULL;
		ret = error_set(err, -ENOMEM, "%s: out of memory", file->path);
		goto out;
	}
	ret = file_replace(file->path, whole, (size_t)length, 0644, NULL, err);
	if (ret < 0)
		goto out;
	file->generation++;
	free(file->written);
	file->written = content;
	content = NULL;
out:
	free(whole);
	free(content);
	return ret;
}

static int read_json(const char *path, cJSON **ret, struct error *err)
{
	char *text = NULL;
	size_t length = 0;
	int code = file_read(path, FILE_SIZE_MAX, &text, &length, err);

	if (code < 0)
		return code;
	*ret = cJSON_ParseWithLength(text, length);
	free(text);
	if (*ret == NULL || !cJSON_IsObject(*ret)) {
		cJSON_Delete(*ret);
		*ret = NULL;
		return error_set(err, -EBADMSG, "%s: not a JSON object", path);
	}
	return 0;
}

static double stored_generation(const char *path)
{
	cJSON *root = NULL;
	double generation = 0;

	if (read_json(path, &root, NULL) < 0)
		return 0;

	const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, "generation");

	if (cJSON_IsNumber(item) && item->valuedouble > 0 && item->valuedouble < GENERATION_MAX)
		generation = item->valuedouble;
	cJSON_Delete(root);
	return generation;
}

int branches_file_open(const char *path, struct branches_file **ret, struct error *err)
{
	struct branches_file *file = calloc(1, sizeof(*file));

	if (file != NULL)
		file->path = strdup(path);
	if (file == NULL || file->path == NULL) {
		free(file);
		return error_set(err, -ENOMEM, "%s: out of memory", path);
	}
	file->generation = stored_generation(path);
	*ret = file;
	return 0;
}

void branches_file_close(struct branches_file *file)
{
	if (file == NULL)
		return;
	free(file->path);
	free(file->written);
	free(file);
}

/* "" where it is not there or no string. */
static const char *string_of(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	return text != NULL ? text : "";
}

static bool read_link_name(const cJSON *object, const char *key,
                           char ret[static INTERFACE_NAME_MAX])
{
	const char *name = string_of(object, key);
	size_t length = strlen(name);

	if (length >= INTERFACE_NAME_MAX || strchr(name, '/') != NULL)
		return false;
	memcpy(ret, name, length + 1);
	return true;
}

static bool read_mode(const cJSON *object, enum mode *ret)
{
	const char *name = string_of(object, "mode");

	for (unsigned mode = MODE_STRICT; mode <= MODE_STANDARD; mode++) {
		if (strcmp(name, mode_name((enum mode)mode)) == 0) {
			*ret = (enum mode)mode;
			return true;
		}
	}
	return false;
}

static void read_addresses(const cJSON *object, struct branch *branch)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(object, "addresses")) {
		const char *text = cJSON_GetStringValue(item);

		if (branch->address_count == POD_ADDRESSES_MAX)
			return;
		if (text != NULL &&
		    address_parse(text, &branch->addresses[branch->address_count]) == 0)
			branch->address_count++;
	}
}

static bool read_groups(struct arena *arena, const cJSON *object, struct branch *branch)
{
	const cJSON *item;

	branch->groups = arena_array(arena, BRANCH_GROUPS_MAX, sizeof(*branch->groups));
	if (branch->groups == NULL)
		return false;
	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(object, "groups")) {
		const char *text = cJSON_GetStringValue(item);

		if (text == NULL || branch->group_count == BRANCH_GROUPS_MAX)
			continue;
		branch->groups[branch->group_count] = arena_strdup(arena, text);
		if (branch->groups[branch->group_count++] == NULL)
			return false;
	}
	return true;
}

static bool read_names(struct arena *arena, const cJSON *object, struct branch *branch)
{
	branch->namespace = arena_strdup(arena, string_of(object, "namespace"));
	branch->pod = arena_strdup(arena, string_of(object, "name"));
	branch->uid = arena_strdup(arena, string_of(object, "uid"));
	return branch->namespace != NULL && branch->pod != NULL && branch->uid != NULL;
}

static bool read_branch(struct arena *arena, const cJSON *object, struct branch *branch)
{
	const cJSON *created = cJSON_GetObjectItemCaseSensitive(object, "created");

	if (!read_link_name(object, "interface", branch->interface) ||
	    !read_link_name(object, "device", branch->device) || branch->interface[0] == '\0' ||
	    !read_mode(object, &branch->mode) || !read_names(arena, object, branch) ||
	    !read_groups(arena, object, branch))
		return false;
	memcpy(branch->first_name, branch->interface, INTERFACE_NAME_MAX);
	read_addresses(object, branch);
	branch->source_dest_check =
		!cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(object, "sourceDestCheck"));
	if (cJSON_IsNumber(created) && created->valuedouble > 0 && created->valuedouble < 1e15)
		branch->created = (int64_t)created->valuedouble;
	return true;
}

static int branch_compare(const void *a, const void *b)
{
	const struct branch *left = a;
	const struct branch *right = b;

	return strcmp(left->interface, right->interface);
}

static int read_branches(const cJSON *array, struct resolution *ret)
{
	size_t count = (size_t)cJSON_GetArraySize(array);
	const cJSON *item;

	if (count > BRANCHES_MAX)
		return -E2BIG;
	ret->branches = arena_array(ret->arena, count + 1, sizeof(struct branch));
	if (ret->branches == NULL)
		return -ENOMEM;
	cJSON_ArrayForEach (item, array) {
		struct branch branch = {0};

		if (read_branch(ret->arena, item, &branch))
			ret->branches[ret->branch_count++] = branch;
	}
	if (ret->branch_count > 1)
		qsort(ret->branches, ret->branch_count, sizeof(*ret->branches), branch_compare);
	return 0;
}

int branches_file_read(const char *path, const struct config *config, struct resolution **ret,
                       struct error *err)
{
	struct resolution *resolution = NULL;
	cJSON *root = NULL;
	const cJSON *branches;
	int code = read_json(path, &root, err);

	if (code < 0)
		return code;
	branches = cJSON_GetObjectItemCaseSensitive(root, "branches");
	if (!cJSON_IsArray(branches)) {
		code = error_set(err, -EBADMSG, "%s: there is no list of branches", path);
		goto out;
	}
	resolution = resolution_new(config);
	code = resolution != NULL ? read_branches(branches, resolution) : -ENOMEM;
	if (code < 0) {
		code = error_set(err, code, "%s: %s", path, strerror(-code));
		goto out;
	}
	*ret = resolution;
	resolution = NULL;
out:
	resolution_free(resolution);
	cJSON_Delete(root);
	return code;
}
