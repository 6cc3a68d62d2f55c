/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base64.h"
#include "common/kube_config_reader.h"
#include "common/yaml.h"

void kube_config_refuse(struct kube_config_reader *reader, const cJSON *tree, const char *item,
                        const char *value, const char *rule, ...)
{
	const struct error_place place = {
		.file = reader->config->file, .line = tree ? yaml_line(tree) : 0, .item = item};
	char text[256];
	va_list arguments;
	if (reader->failed < 0)
		return;
	va_start(arguments, rule);
	(void)vsnprintf(text, sizeof(text), rule, arguments);
	va_end(arguments);
	reader->failed = error_at(reader->err, -EINVAL, &place, value, "%s", text);
}

void kube_config_no_memory(struct kube_config_reader *reader)
{
	if (reader->failed == 0)
		reader->failed =
			error_set(reader->err, -ENOMEM, "%s: out of memory", reader->config->file);
}

/* A member that is null is not there. */
const cJSON *kube_config_member(const struct kube_config_place *place, const char *key)
{
	const cJSON *tree = cJSON_GetObjectItemCaseSensitive(place->tree, key);
	return cJSON_IsNull(tree) ? NULL : tree;
}

void kube_config_refuse_member(struct kube_config_reader *reader,
                               const struct kube_config_place *place, const char *key,
                               const char *rule)
{
	const cJSON *tree = kube_config_member(place, key);
	char item[2 * KUBE_CONFIG_ITEM_SIZE];
	(void)snprintf(item, sizeof(item), "%s%s%s", place->item, place->item[0] ? "." : "", key);
	kube_config_refuse(reader, tree ? tree : place->tree, item, NULL, "%s", rule);
}

struct kube_config_place kube_config_child(struct kube_config_reader *reader,
                                           const struct kube_config_place *place, const char *key)
{
	struct kube_config_place ret = {.tree = kube_config_member(place, key)};
	(void)snprintf(ret.item, sizeof(ret.item), "%.120s%s%s", place->item,
	               place->item[0] ? "." : "", key);
	if (ret.tree && !cJSON_IsObject(ret.tree)) {
		kube_config_refuse(reader, ret.tree, ret.item, NULL, "expected keys and values");
		ret.tree = NULL;
	}
	return ret;
}

const char *kube_config_copy(struct kube_config_reader *reader, const char *text)
{
	const char *ret = arena_strdup(reader->config->arena, text);
	if (!ret)
		kube_config_no_memory(reader);
	return ret;
}

/* NULL where it is not there or empty, as kubectl has it. */
const char *kube_config_text(struct kube_config_reader *reader,
                             const struct kube_config_place *place, const char *key)
{
	const cJSON *tree = kube_config_member(place, key);
	if (tree && !cJSON_IsString(tree)) {
		kube_config_refuse_member(reader, place, key, "expected text");
		return NULL;
	}
	return tree && tree->valuestring[0] ? tree->valuestring : NULL;
}

const char *kube_config_copied(struct kube_config_reader *reader,
                               const struct kube_config_place *place, const char *key)
{
	const char *text = kube_config_text(reader, place, key);
	return text ? kube_config_copy(reader, text) : NULL;
}

const cJSON *kube_config_list(struct kube_config_reader *reader,
                              const struct kube_config_place *place, const char *key)
{
	const cJSON *tree = kube_config_member(place, key);
	if (!tree || cJSON_IsArray(tree))
		return tree;
	kube_config_refuse_member(reader, place, key, "expected a list");
	return NULL;
}

bool kube_config_flag(struct kube_config_reader *reader, const struct kube_config_place *place,
                      const char *key)
{
	const cJSON *tree = kube_config_member(place, key);
	if (tree && !cJSON_IsBool(tree))
		kube_config_refuse_member(reader, place, key, "expected true or false");
	return cJSON_IsTrue(tree);
}

const char *kube_config_from_here(struct kube_config_reader *reader, const char *path)
{
	size_t length = strlen(path);
	char *ret;
	if (path[0] == '/')
		return kube_config_copy(reader, path);
	ret = arena_alloc(reader->config->arena, reader->directory + length + 1);
	if (!ret) {
		kube_config_no_memory(reader);
		return NULL;
	}
	memcpy(ret, reader->config->file, reader->directory);
	memcpy(ret + reader->directory, path, length);
	return ret;
}

const char *kube_config_path(struct kube_config_reader *reader,
                             const struct kube_config_place *place, const char *key)
{
	const char *path = kube_config_text(reader, place, key);
	return path ? kube_config_from_here(reader, path) : NULL;
}

/* PEM in base64. */
const char *kube_config_pem(struct kube_config_reader *reader,
                            const struct kube_config_place *place, const char *key)
{
	const char *text = kube_config_text(reader, place, key);
	size_t length = text ? strlen(text) : 0;
	char *pem;
	if (!text)
		return NULL;
	pem = arena_alloc(reader->config->arena, BASE64_DECODED_SIZE(length));
	if (!pem)
		kube_config_no_memory(reader);
	else if (base64_decode(text, length, pem, &length) < 0)
		kube_config_refuse_member(reader, place, key, "expected base64");
	else if (strlen(pem) != length || !strstr(pem, "-----BEGIN "))
		kube_config_refuse_member(reader, place, key,
		                          "expected a certificate or key as PEM text, in base64");
	return pem;
}
