/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "common/address.h"
#include "common/json.h"
#include "dnscache/node/branch_list.h"

#define FORMAT_VERSION 1
#define ARENA_MAX ((size_t)16 << 20)
#define ADDRESSES_MAX 32        /* of one branch */
#define ELEMENT_VALUES_MAX 4096 /* JSON values of one branch */
#define TEXT_MAX 512            /* of a pod's name, of a reason */

static const char *string_of(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
	return text ? text : "";
}

static bool flag_of(const cJSON *object, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static const char *copy_text(struct branch_list *list, const char *text)
{
	return arena_strndup(list->arena, text, strnlen(text, TEXT_MAX));
}

/* The names go into the text of nftables rules. */
static bool is_link_name(const char *name)
{
	size_t length = strlen(name);
	if (length == 0 || length >= IFNAMSIZ)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-@", name[i]))
			return false;
	return true;
}

static int add_strict(struct branch_list *list, const char *name)
{
	const char **room = vector_push(&list->strict);
	if (!room)
		return -ENOMEM;
	*room = copy_text(list, name);
	return *room ? 0 : -ENOMEM;
}

static int add_pod(struct branch_list *list, const char *name, const char **ret)
{
	const char **pod = vector_push(&list->pods);
	if (!pod)
		return -ENOMEM;
	*pod = *ret = copy_text(list, name);
	return *pod ? 0 : -ENOMEM;
}

static int add_address(struct branch_list *list, const struct prefix *address,
                       const struct listed_client *like)
{
	struct listed_client *entry = vector_push(&list->clients);
	if (!entry)
		return -ENOMEM;
	*entry = *like;
	entry->client.family = address->family;
	memcpy(entry->client.address, address->address, sizeof(entry->client.address));
	return 0;
}

static int read_addresses(struct branch_list *list, const cJSON *object,
                          const struct listed_client *like)
{
	unsigned count = 0;
	const cJSON *item;
	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(object, "addresses")) {
		const char *text = cJSON_GetStringValue(item);
		struct prefix address;
		if (!text || address_parse(text, &address) < 0)
			continue;
		if (count++ == ADDRESSES_MAX)
			return 0;
		if (add_address(list, &address, like) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_strict(struct branch_list *list, const cJSON *object)
{
	const char *device = string_of(object, "device");
	if (*device && (!is_link_name(device) || add_strict(list, device) < 0))
		return is_link_name(device) ? -ENOMEM : -EINVAL;
	return add_strict(list, string_of(object, "interface"));
}

/* -EINVAL: not understood. */
static int read_branch(struct branch_list *list, const cJSON *object)
{
	const cJSON *dns = cJSON_GetObjectItemCaseSensitive(object, "dns");
	const cJSON *created = cJSON_GetObjectItemCaseSensitive(object, "created");
	const char *mode = string_of(object, "mode");
	struct listed_client entry = {
		.client = {.strict = strcmp(mode, "strict") == 0},
		.created = cJSON_IsNumber(created) ? created->valuedouble : 0,
	};
	if (list->count++ == DNS_BRANCHES_MAX)
		return -E2BIG;
	if (!*string_of(object, "pod") || !is_link_name(string_of(object, "interface")) ||
	    !cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(object, "addresses")) ||
	    (!entry.client.strict && (strcmp(mode, "standard") != 0 || !cJSON_IsObject(dns))))
		return -EINVAL;
	entry.client.udp = flag_of(dns, "udp");
	entry.client.tcp = flag_of(dns, "tcp");
	entry.client.reason = copy_text(list, string_of(dns, "reason"));
	if (!entry.client.reason || add_pod(list, string_of(object, "pod"), &entry.client.pod) < 0)
		return -ENOMEM;
	int r = entry.client.strict ? read_strict(list, object) : 0;
	return r == 0 ? read_addresses(list, object, &entry) : r;
}

static bool read_port(const cJSON *object, const char *key, uint16_t *ret)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, key);
	if (!cJSON_IsNumber(number) || number->valuedouble < 1 || number->valuedouble > UINT16_MAX)
		return false;
	*ret = (uint16_t)number->valuedouble;
	return true;
}

/* -EINVAL: not understood. */
static int read_server(struct branch_list *list, const cJSON *object)
{
	struct cluster_server server;
	if (list->servers.count == DNS_SERVERS_MAX)
		return 0;
	if (address_parse(string_of(object, "address"), &server.address) < 0 ||
	    !read_port(object, "udp", &server.udp_port) ||
	    !read_port(object, "tcp", &server.tcp_port))
		return -EINVAL;
	struct cluster_server *room = vector_push(&list->servers);
	if (!room)
		return -ENOMEM;
	*room = server;
	return 0;
}

static int read_element(struct branch_list *list, const struct json_slice *slice,
                        int (*read)(struct branch_list *, const cJSON *))
{
	if (slice->values > ELEMENT_VALUES_MAX)
		return -EINVAL;
	cJSON *object = json_tree(slice);
	int r = cJSON_IsObject(object) ? read(list, object) : -EINVAL;
	cJSON_Delete(object);
	return r;
}

static int read_list(struct branch_list *list, struct json_cursor *cursor,
                     int (*read)(struct branch_list *, const cJSON *), struct error *err)
{
	struct json_walk walk;
	int r = json_enter(cursor, '[', &walk, err);
	while (r >= 0 && (r = json_next_element(&walk, err)) > 0) {
		struct json_slice slice;
		r = json_skip(cursor, &slice, err);
		if (r < 0)
			return r;
		r = read_element(list, &slice, read);
		if (r == -E2BIG)
			return error_set(err, r, "%s: more than %d branches", cursor->file,
			                 DNS_BRANCHES_MAX);
		if (r == -ENOMEM)
			return error_set(err, r, "%s: out of memory", cursor->file);
		if (r < 0)
			list->skipped++;
		r = 0;
	}
	return r;
}

static int read_number(struct json_cursor *cursor, double *ret, struct error *err)
{
	struct json_slice slice;
	int r = json_skip(cursor, &slice, err);
	if (r < 0)
		return r;
	cJSON *number = slice.values == 1 ? json_tree(&slice) : NULL;
	*ret = number && cJSON_IsNumber(number) ? number->valuedouble : -1;
	cJSON_Delete(number);
	return 0;
}

static int read_member(struct branch_list *list, struct json_cursor *cursor,
                       const struct json_slice *key, struct error *err)
{
	double number = 0;
	if (json_slice_is(key, "branches")) {
		list->listed = true;
		return read_list(list, cursor, read_branch, err);
	}
	if (json_slice_is(key, "dnsServers"))
		return read_list(list, cursor, read_server, err);
	if (!json_slice_is(key, "version") && !json_slice_is(key, "generation"))
		return json_skip(cursor, NULL, err);
	int r = read_number(cursor, &number, err);
	if (r < 0)
		return r;
	if (json_slice_is(key, "version")) {
		list->dated = true;
		if (number != FORMAT_VERSION)
			return error_set(err, -EBADMSG, "%s: this is not format version %d",
			                 cursor->file, FORMAT_VERSION);
	} else if (number >= 0 && number < 1e15) {
		list->generation = (uint64_t)number;
	}
	return 0;
}

int branch_list_open(struct branch_list *list)
{
	*list = (struct branch_list){
		.arena = arena_new(ARENA_MAX),
		.clients.item_size = sizeof(struct listed_client),
		.strict.item_size = sizeof(const char *),
		.pods.item_size = sizeof(const char *),
		.servers.item_size = sizeof(struct cluster_server),
	};
	return list->arena ? 0 : -ENOMEM;
}

void branch_list_done(struct branch_list *list)
{
	vector_done(&list->clients);
	vector_done(&list->strict);
	vector_done(&list->pods);
	vector_done(&list->servers);
	arena_free(list->arena);
	list->arena = NULL;
}

int branch_list_read(const char *path, const char *text, size_t length, struct branch_list *list,
                     struct error *err)
{
	struct json_cursor cursor;
	struct json_walk walk;
	struct json_slice key;
	json_open(&cursor, path, text, length);
	int r = json_enter(&cursor, '{', &walk, err);
	while (r >= 0 && (r = json_next_member(&walk, &key, err)) > 0)
		r = read_member(list, &cursor, &key, err);
	if (r >= 0)
		r = json_finish(&cursor, err);
	if (r >= 0 && (!list->listed || !list->dated))
		r = error_set(err, -EBADMSG, "%s: there is no %s", path,
		              list->dated ? "list of branches" : "version");
	return r;
}
