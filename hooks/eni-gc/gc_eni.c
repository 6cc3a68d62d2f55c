/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/siphash.h"
#include "common/vector.h"
#include "hooks/eni-gc/gc_eni.h"

#define LIST_SIZE_MAX (96U << 20) /* bytes of a list in memory */
#define TAGS_MAX 64               /* EC2 allows 50 */
#define GROUPS_MAX 64             /* EC2 allows 16 */

/* One list on its way from text into an arena. */
struct reader {
	struct arena *arena;
	const char *action; /* for errors */
	struct vector items;
	struct error *err;
	int failed; /* the first failure */
};

static void fail(struct reader *reader, int code, const char *what)
{
	if (reader->failed == 0)
		reader->failed = error_set(reader->err, code, "%s: item %zu: %s", reader->action,
		                           reader->items.count, what);
}

static void no_memory(struct reader *reader)
{
	fail(reader, -ENOMEM, "out of memory");
}

static const char *text_of(struct reader *reader, const cJSON *tree, const char *key)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(tree, key);
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	const char *copy = arena_strdup(reader->arena, text);
	if (!copy)
		no_memory(reader);
	return copy ? copy : "";
}

static const char *id_of(struct reader *reader, const cJSON *tree, const char *key,
                         const char *prefix)
{
	const char *id = text_of(reader, tree, key);
	size_t length = strlen(id);
	if (strncmp(id, prefix, strlen(prefix)) != 0 || length > GC_ID_MAX ||
	    strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != length)
		fail(reader, -EBADMSG, "it has no good id");
	return id;
}

static int compare_tags(const void *left, const void *right)
{
	const struct label *a = left;
	const struct label *b = right;
	return strcmp(a->key, b->key);
}

/* EC2 gives them in any order. */
static struct labels tags_of(struct reader *reader, const cJSON *tree, const char *key)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, key);
	size_t count = list ? (size_t)cJSON_GetArraySize(list) : 0;
	struct labels tags = {0};
	const cJSON *tag;
	if (count == 0)
		return tags;
	if (count > TAGS_MAX) {
		fail(reader, -EBADMSG, "it has too many tags");
		return tags;
	}
	tags.items = arena_array(reader->arena, count, sizeof(*tags.items));
	if (!tags.items) {
		no_memory(reader);
		return tags;
	}
	cJSON_ArrayForEach (tag, list)
		tags.items[tags.count++] = (struct label){.key = text_of(reader, tag, "Key"),
		                                          .value = text_of(reader, tag, "Value")};
	qsort(tags.items, tags.count, sizeof(*tags.items), compare_tags);
	return tags;
}

static int compare_texts(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void read_groups(struct reader *reader, const cJSON *tree, struct gc_eni *eni)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, "Groups");
	size_t count = list ? (size_t)cJSON_GetArraySize(list) : 0;
	const cJSON *group;
	if (count > GROUPS_MAX)
		fail(reader, -EBADMSG, "it has too many groups");
	if (count == 0 || count > GROUPS_MAX)
		return;
	eni->groups = arena_array(reader->arena, count, sizeof(*eni->groups));
	if (!eni->groups) {
		no_memory(reader);
		return;
	}
	cJSON_ArrayForEach (group, list)
		eni->groups[eni->group_count++] = text_of(reader, group, "GroupId");
	qsort(eni->groups, eni->group_count, sizeof(*eni->groups), compare_texts);
}

static void read_attachment(struct reader *reader, const cJSON *tree, struct gc_eni *eni)
{
	const cJSON *attachment = cJSON_GetObjectItemCaseSensitive(tree, "Attachment");
	const cJSON *device = cJSON_GetObjectItemCaseSensitive(attachment, "DeviceIndex");
	eni->attached = attachment != NULL;
	eni->primary = cJSON_IsNumber(device) && device->valueint == 0;
	eni->instance = text_of(reader, attachment, "InstanceId");
}

static struct siphash hash_begin(void)
{
	/* It goes into a file that another process compares with: the key is always the same. */
	static const uint64_t key[2] = {0x736f6d657468696e, 0x672d73657474656c};
	return siphash_begin(key);
}

/* With the NUL, so that "ab", "c" and "a", "bc" differ. */
static void hash_text(struct siphash *hash, const char *text)
{
	siphash_bytes(hash, text, strlen(text) + 1);
}

static void hash_tags(struct siphash *hash, const struct labels *tags)
{
	siphash_word(hash, tags->count);
	for (size_t i = 0; i < tags->count; i++) {
		hash_text(hash, tags->items[i].key);
		hash_text(hash, tags->items[i].value);
	}
}

static uint64_t fingerprint_of_eni(const struct gc_eni *eni)
{
	struct siphash hash = hash_begin();
	hash_text(&hash, eni->description);
	hash_text(&hash, eni->type);
	hash_tags(&hash, &eni->tags);
	for (size_t i = 0; i < eni->group_count; i++)
		hash_text(&hash, eni->groups[i]);
	return siphash_end(&hash);
}

static uint64_t fingerprint_of_group(const struct gc_group *group)
{
	struct siphash hash = hash_begin();
	hash_text(&hash, group->name);
	hash_text(&hash, group->vpc);
	hash_tags(&hash, &group->tags);
	return siphash_end(&hash);
}

static void *push(struct reader *reader)
{
	void *item = vector_push(&reader->items);
	if (!item)
		no_memory(reader);
	return item;
}

static void read_eni(struct reader *reader, const cJSON *tree)
{
	struct gc_eni *eni = push(reader);
	if (!eni)
		return;
	eni->id = id_of(reader, tree, "NetworkInterfaceId", "eni-");
	eni->status = text_of(reader, tree, "Status");
	eni->description = text_of(reader, tree, "Description");
	eni->type = text_of(reader, tree, "InterfaceType");
	eni->requester = text_of(reader, tree, "RequesterId");
	eni->requester_managed =
		cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "RequesterManaged"));
	eni->tags = tags_of(reader, tree, "TagSet");
	read_groups(reader, tree, eni);
	read_attachment(reader, tree, eni);
	eni->fingerprint = fingerprint_of_eni(eni);
	if (!eni->status[0])
		fail(reader, -EBADMSG, "it has no status");
}

static void read_group(struct reader *reader, const cJSON *tree)
{
	struct gc_group *group = push(reader);
	if (!group)
		return;
	group->id = id_of(reader, tree, "GroupId", "sg-");
	group->name = text_of(reader, tree, "GroupName");
	group->vpc = text_of(reader, tree, "VpcId");
	group->tags = tags_of(reader, tree, "Tags");
	group->fingerprint = fingerprint_of_group(group);
}

static void read_instance(struct reader *reader, const cJSON *tree)
{
	struct gc_instance *instance = push(reader);
	if (!instance)
		return;
	instance->id = id_of(reader, tree, "InstanceId", "i-");
	instance->state = text_of(reader, cJSON_GetObjectItemCaseSensitive(tree, "State"), "Name");
}

static void read_reservation(struct reader *reader, const cJSON *tree)
{
	const cJSON *instance;
	cJSON_ArrayForEach (instance, cJSON_GetObjectItemCaseSensitive(tree, "Instances"))
		read_instance(reader, instance);
}

static int walk(struct reader *reader, const struct buffer *text,
                void (*read)(struct reader *reader, const cJSON *tree))
{
	struct json_cursor cursor;
	struct json_walk walk;
	struct json_slice slice;
	json_open(&cursor, reader->action, text->text, text->length);
	int r = json_enter(&cursor, '[', &walk, reader->err);
	while (r >= 0 && reader->failed == 0) {
		r = json_next_element(&walk, reader->err);
		if (r <= 0)
			break;
		r = json_skip(&cursor, &slice, reader->err);
		cJSON *tree = r < 0 ? NULL : json_tree(&slice);
		if (tree)
			read(reader, tree);
		else if (r >= 0)
			no_memory(reader);
		cJSON_Delete(tree);
	}
	return reader->failed < 0 ? reader->failed : r;
}

/* Items of whatever size read() makes, in an arena of their own. */
static int read_list(struct ec2_items *items, size_t item_size,
                     void (*read)(struct reader *reader, const cJSON *tree),
                     struct arena **ret_arena, void *ret_items, size_t *ret_count,
                     struct error *err)
{
	struct reader reader = {.action = ec2_action(ec2_items_kind(items)),
	                        .items = {.item_size = item_size},
	                        .arena = arena_new(LIST_SIZE_MAX),
	                        .err = err};
	struct buffer text = {.max = EC2_ITEMS_SIZE_MAX + (1U << 20)};
	int r = -ENOMEM;
	ec2_items_sort(items);
	ec2_items_write(items, &text);
	if (!reader.arena || text.failed)
		error_set(err, r, "%s: out of memory", reader.action);
	else
		r = walk(&reader, &text, read);
	if (r >= 0)
		r = vector_move(&reader.items, reader.arena, ret_items, ret_count);
	if (r == 0)
		*ret_arena = reader.arena;
	else
		arena_free(reader.arena);
	buffer_done(&text);
	vector_done(&reader.items);
	return r < 0 ? error_set(err, r, "%s: out of memory", reader.action) : 0;
}

int gc_enis_read(struct ec2_items *items, struct gc_enis *ret, struct error *err)
{
	return read_list(items, sizeof(struct gc_eni), read_eni, &ret->arena, &ret->items,
	                 &ret->count, err);
}

int gc_groups_read(struct ec2_items *items, struct gc_groups *ret, struct error *err)
{
	return read_list(items, sizeof(struct gc_group), read_group, &ret->arena, &ret->items,
	                 &ret->count, err);
}

int gc_instances_read(struct ec2_items *items, struct gc_instances *ret, struct error *err)
{
	return read_list(items, sizeof(struct gc_instance), read_reservation, &ret->arena,
	                 &ret->items, &ret->count, err);
}
