/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/loader.h"

/* A pod with an ENI for every container would still be far below. */
#define ANNOTATION_VALUES_MAX 4096
#define VLAN_ID_MAX 4094

/* The controller writes vlanId, the CNI's own code vlanID: Go's JSON makes no difference. */
static struct field member_any_case(const struct field *parent, const char *key)
{
	const cJSON *value = NULL;

	if (cJSON_IsObject(parent->value))
		value = cJSON_GetObjectItem(parent->value, key);
	return (struct field){.parent = parent,
	                      .key = key,
	                      .value = cJSON_IsNull(value) ? NULL : value,
	                      .origin = parent->origin};
}

static void read_optional_address(struct loader *loader, const struct field *eni, const char *key,
                                  int family, struct branch_eni *ret)
{
	const struct field field = member_any_case(eni, key);

	if (field.value == NULL ||
	    (cJSON_IsString(field.value) && field.value->valuestring[0] == '\0'))
		return;
	if (read_address(loader, &field, family, &ret->addresses[ret->address_count]))
		ret->address_count++;
}

static void read_eni(struct loader *loader, const struct field *eni, struct branch_eni *ret)
{
	const struct field id = member_any_case(eni, "eniId");
	const struct field mac = member_any_case(eni, "ifAddress");
	const struct field vlan = member_any_case(eni, "vlanId");

	if (vlan.value == NULL)
		loader_refuse(loader, -EINVAL, &vlan, "is missing");
	ret->id = read_name(loader, &id, REQUIRED);
	ret->mac = read_name(loader, &mac, OPTIONAL);
	ret->vlan_id = (unsigned)read_integer(loader, &vlan, 1, VLAN_ID_MAX, 1);
	read_optional_address(loader, eni, "privateIp", AF_INET, ret);
	read_optional_address(loader, eni, "ipv6Addr", AF_INET6, ret);
}

/* The array that the annotation's text is, NULL if it is none. */
static cJSON *parse_annotation(struct loader *loader, const struct field *annotation)
{
	const char *text = annotation->value->valuestring;
	struct json_cursor cursor;
	struct json_slice slice;
	struct error inner = {0};
	cJSON *tree = NULL;

	json_open(&cursor, NULL, text, strlen(text));
	if (json_skip(&cursor, &slice, &inner) < 0 || json_finish(&cursor, &inner) < 0) {
		loader_refuse(loader, -EINVAL, annotation, "expected an array in JSON: %s",
		              inner.text);
		return NULL;
	}
	if (slice.values <= ANNOTATION_VALUES_MAX)
		tree = json_tree(&slice);
	if (tree != NULL && cJSON_IsArray(tree) && tree->child != NULL)
		return tree;
	cJSON_Delete(tree);
	loader_refuse(loader, -EINVAL, annotation, "expected an array in JSON of at least one ENI");
	return NULL;
}

struct branch_eni *read_pod_eni(struct loader *loader, const struct field *annotation)
{
	struct field array = *annotation;
	struct field first;
	struct branch_eni *eni;
	cJSON *tree;

	if (loader_failed(loader))
		return NULL;
	if (!cJSON_IsString(annotation->value)) {
		loader_refuse(loader, -EINVAL, annotation, "expected a string");
		return NULL;
	}
	tree = parse_annotation(loader, annotation);
	if (tree == NULL)
		return NULL;
	array.value = tree;
	array.origin = annotation->value;
	first = field_element(&array, 0, tree->child);
	eni = arena_alloc(loader->document->arena, sizeof(*eni));
	if (eni == NULL)
		loader_no_memory(loader);
	else
		read_eni(loader, &first, eni);
	cJSON_Delete(tree);
	return loader_failed(loader) ? NULL : eni;
}
