/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/journal.h"
#include "common/json.h"

#define VERSION 1
#define INDEX_MAX 2147483647.0    /* the kernel's are ints */
#define TIME_MAX 9007199254740991 /* what a JSON number holds exactly */
#define VLAN_MAX 4094

struct key;

struct reader {
	const char *file;
	const struct json_slice *slice;
	const struct key *key; /* at hand */
	struct attachment *attachment;
	struct error *err;
};

/* What may stand under a key and where it goes. */
struct key {
	const char *name;
	int (*read)(struct reader *reader, const cJSON *value);
	/* What is not known is left out. Returns whether there was memory. */
	bool (*write)(const struct key *key, const struct attachment *attachment, cJSON *tree);
	size_t offset;
	size_t size;                     /* of a text, with its NUL */
	double max;                      /* of a number */
	bool (*check)(const char *text); /* of a text */
	const char *rule;                /* what check accepts, behind "expected" */
	const char *const *choices;      /* in the order of the enum; NULL behind the last */
};

static const char *const state_names[] = {
	[ATTACHMENT_ADDING] = "adding",
	[ATTACHMENT_READY] = "ready",
	[ATTACHMENT_UNFILTERED] = "unfiltered",
	[ATTACHMENT_GONE] = "gone",
	NULL,
};

static const char *const mode_names[] = {
	[MODE_STRICT] = "strict",
	[MODE_STANDARD] = "standard",
	NULL,
};

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

/* As the CNI specification has a container's id; it becomes part of a file's name. */
static bool is_sandbox(const char *text)
{
	static const char more[] = "_.-";
	if (!isalnum((unsigned char)text[0]))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(more, *text))
			return false;
	return true;
}

/* As the kernel's dev_valid_name() has it, whose isspace() takes 0xa0 in, too. */
static bool is_interface(const char *text)
{
	if (!*text || strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || !is_printable(text))
		return false;
	return !strpbrk(text, "/: \xa0");
}

static bool is_interface_or_none(const char *text)
{
	return !*text || is_interface(text);
}

static bool is_boot_id_or_none(const char *text)
{
	return strspn(text, "0123456789abcdef-") == strlen(text);
}

static int refuse(struct reader *reader, const cJSON *value, const char *rule)
{
	const struct json_step step = {.key = reader->key->name};
	struct error_place place = {
		.file = reader->file,
		.line = json_line_of(reader->slice, &step, 1),
		.item = reader->key->name,
	};
	return error_at(reader->err, -EBADMSG, &place, cJSON_GetStringValue(value), "expected %s",
	                rule);
}

static void *slot(const struct reader *reader)
{
	return (char *)reader->attachment + reader->key->offset;
}

static const void *member(const struct attachment *attachment, const struct key *key)
{
	return (const char *)attachment + key->offset;
}

static int read_text(struct reader *reader, const cJSON *value)
{
	const struct key *key = reader->key;
	const char *text = cJSON_GetStringValue(value);
	char rule[96];
	if (text && strlen(text) < key->size && key->check(text)) {
		memcpy(slot(reader), text, strlen(text) + 1);
		return 0;
	}
	(void)snprintf(rule, sizeof(rule), "%s of at most %zu characters", key->rule,
	               key->size - 1);
	return refuse(reader, value, rule);
}

static bool write_text(const struct key *key, const struct attachment *attachment, cJSON *tree)
{
	const char *text = member(attachment, key);
	return !*text || cJSON_AddStringToObject(tree, key->name, text);
}

static int read_whole(struct reader *reader, const cJSON *value, int64_t *ret)
{
	double max = reader->key->max;
	char rule[48];
	if (cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= max &&
	    value->valuedouble == (double)(int64_t)value->valuedouble) {
		*ret = (int64_t)value->valuedouble;
		return 0;
	}
	(void)snprintf(rule, sizeof(rule), "a whole number, 0 to %.0f", max);
	return refuse(reader, value, rule);
}

static int read_number(struct reader *reader, const cJSON *value)
{
	int64_t number = 0;
	int r = read_whole(reader, value, &number);
	*(unsigned *)slot(reader) = (unsigned)number;
	return r;
}

static bool write_number(const struct key *key, const struct attachment *attachment, cJSON *tree)
{
	unsigned number = *(const unsigned *)member(attachment, key);
	return !number || cJSON_AddNumberToObject(tree, key->name, number);
}

static int read_time(struct reader *reader, const cJSON *value)
{
	return read_whole(reader, value, slot(reader));
}

static bool write_time(const struct key *key, const struct attachment *attachment, cJSON *tree)
{
	int64_t number = *(const int64_t *)member(attachment, key);
	return !number || cJSON_AddNumberToObject(tree, key->name, (double)number);
}

static int read_choice(struct reader *reader, const cJSON *value)
{
	const char *text = cJSON_GetStringValue(value);
	for (int i = 0; text && reader->key->choices[i]; i++) {
		if (strcmp(text, reader->key->choices[i]) == 0) {
			memcpy(slot(reader), &i, sizeof(i));
			return 0;
		}
	}
	return refuse(reader, value, reader->key->rule);
}

_Static_assert(sizeof(enum mode) == sizeof(int) && sizeof(enum attachment_state) == sizeof(int),
               "read_choice() writes an int");

static bool write_choice(const struct key *key, const struct attachment *attachment, cJSON *tree)
{
	int choice = *(const int *)member(attachment, key);
	return cJSON_AddStringToObject(tree, key->name, key->choices[choice]);
}

static int read_addresses(struct reader *reader, const cJSON *value)
{
	struct attachment *attachment = reader->attachment;
	const cJSON *element = value ? value->child : NULL;
	if (!cJSON_IsArray(value))
		return refuse(reader, value, reader->key->rule);
	for (attachment->address_count = 0; element; element = element->next) {
		const char *text = cJSON_GetStringValue(element);
		if (!text || attachment->address_count == ATTACHMENT_ADDRESSES_MAX ||
		    address_parse(text, &attachment->addresses[attachment->address_count]) < 0)
			return refuse(reader, element, reader->key->rule);
		attachment->address_count++;
	}
	return 0;
}

static bool write_addresses(const struct key *key, const struct attachment *attachment, cJSON *tree)
{
	if (attachment->address_count == 0)
		return true;
	cJSON *list = cJSON_AddArrayToObject(tree, key->name);
	for (size_t i = 0; list && i < attachment->address_count; i++) {
		char text[PREFIX_TEXT_MAX];
		cJSON *element = cJSON_CreateString(prefix_text(&attachment->addresses[i], text));
		if (!cJSON_AddItemToArray(list, element)) {
			cJSON_Delete(element);
			return false;
		}
	}
	return list;
}

#define AT(member) .offset = offsetof(struct attachment, member)
#define TEXT(member, checked, accepted)                                                            \
	.read = read_text, .write = write_text, AT(member),                                        \
	.size = sizeof(((struct attachment *)0)->member), .check = (checked), .rule = (accepted)
#define NUMBER(member, most) .read = read_number, .write = write_number, AT(member), .max = (most)

#define REQUIRED 2 /* those at the head: without them a file is about nothing */
static const struct key keys[] = {
	{"sandbox", TEXT(sandbox, is_sandbox, "letters, digits, '_', '.' and '-'")},
	{"ifname", TEXT(ifname, is_interface, "an interface name")},
	{"boot", TEXT(boot, is_boot_id_or_none, "a boot id")},
	{"namespace", TEXT(namespace, is_printable, "text")},
	{"pod", TEXT(pod, is_printable, "text")},
	{"uid", TEXT(uid, is_printable, "text")},
	{"netns", TEXT(netns, is_printable, "a path")},
	{"interface", TEXT(interface, is_interface_or_none, "an interface name")},
	{"interfaceIndex", NUMBER(interface_index, INDEX_MAX)},
	{"device", TEXT(device, is_interface_or_none, "an interface name")},
	{"deviceIndex", NUMBER(device_index, INDEX_MAX)},
	{"vlan", NUMBER(vlan, VLAN_MAX)},
	{"mode", read_choice, write_choice, AT(mode), .choices = mode_names,
         .rule = "strict or standard"},
	{"addresses", read_addresses, write_addresses, .rule = "a list of at most 8 addresses"},
	{"created", read_time, write_time, AT(created), .max = TIME_MAX},
	{"state", read_choice, write_choice, AT(state), .choices = state_names,
         .rule = "adding, ready, unfiltered or gone"},
	{"left", TEXT(left, is_printable, "text")},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static int check_version(struct reader *reader, const cJSON *tree)
{
	static const struct key version = {.name = "version"};
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(tree, version.name);
	reader->key = &version;
	if (!cJSON_IsNumber(value) || value->valuedouble != VERSION)
		return refuse(reader, value, "1");
	return 0;
}

static int read_tree(struct reader *reader, const cJSON *tree)
{
	int r = check_version(reader, tree);
	for (size_t i = 0; r == 0 && i < KEYS; i++) {
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(tree, keys[i].name);
		reader->key = &keys[i];
		if (value || i < REQUIRED)
			r = keys[i].read(reader, value);
	}
	return r;
}

int attachment_parse(const char *file, const char *text, size_t length, struct attachment *ret,
                     struct error *err)
{
	struct attachment attachment = {0};
	struct json_cursor cursor;
	struct json_slice slice;
	json_open(&cursor, file, text, length);
	int r = json_skip(&cursor, &slice, err);
	if (r == 0)
		r = json_finish(&cursor, err);
	if (r < 0)
		return r;
	struct reader reader = {
		.file = file, .slice = &slice, .attachment = &attachment, .err = err};
	cJSON *tree = json_tree(&slice);
	if (!tree)
		return error_set(err, -ENOMEM, "%s: out of memory", file);
	if (cJSON_IsObject(tree))
		r = read_tree(&reader, tree);
	else
		r = error_set(err, -EBADMSG, "%s: expected an object", file);
	cJSON_Delete(tree);
	if (r == 0)
		*ret = attachment;
	return r;
}

static int check_texts(const struct attachment *attachment, struct error *err)
{
	for (size_t i = 0; i < KEYS; i++) {
		struct error_place place = {.item = keys[i].name};
		const char *text = member(attachment, &keys[i]);
		if (keys[i].check && !keys[i].check(text))
			return error_at(err, -EINVAL, &place, text, "expected %s", keys[i].rule);
	}
	return 0;
}

static bool write_tree(const struct attachment *attachment, cJSON *tree)
{
	bool added = cJSON_AddNumberToObject(tree, "version", VERSION);
	for (size_t i = 0; added && i < KEYS; i++)
		added = keys[i].write(&keys[i], attachment, tree);
	return added;
}

/* What an error says must not keep the journal from being written. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text >= 0x7f)
			*text = '?';
}

int attachment_text(const struct attachment *attachment, char **ret, struct error *err)
{
	struct attachment copy = *attachment;
	make_printable(copy.left);
	int r = check_texts(&copy, err);
	if (r < 0)
		return r;
	cJSON *tree = cJSON_CreateObject();
	char *text = tree && write_tree(&copy, tree) ? cJSON_Print(tree) : NULL;
	cJSON_Delete(tree);
	if (!text)
		return error_set(err, -ENOMEM, "out of memory");
	*ret = text;
	return 0;
}

int attachment_check_name(const char *sandbox, const char *ifname, struct error *err)
{
	const char *const texts[REQUIRED] = {sandbox, ifname};
	for (size_t i = 0; i < REQUIRED; i++) {
		struct error_place place = {.item = keys[i].name};
		if (strlen(texts[i]) >= keys[i].size)
			return error_at(err, -ENAMETOOLONG, &place, texts[i],
			                "expected at most %zu characters", keys[i].size - 1);
		if (!keys[i].check(texts[i]))
			return error_at(err, -EINVAL, &place, texts[i], "expected %s",
			                keys[i].rule);
	}
	return 0;
}

const char *attachment_state_name(enum attachment_state state)
{
	return state_names[state];
}
