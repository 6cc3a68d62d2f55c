/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <libnftnl/udata.h>

#include "nft-sync/kernel/nft_elements.h"
#include "nft-sync/kernel/nft_types.h"

/* Attributes of one nest by type; absent and malformed ones are NULL. */
#define NEST_MAX 32

struct nest {
	const struct nlattr *attributes[NEST_MAX];
};

static void parse_nest(const struct nlattr *outer, struct nest *nest)
{
	struct nlattr *attribute;
	memset(nest, 0, sizeof(*nest));
	mnl_attr_for_each_nested (attribute, outer) {
		uint16_t type = mnl_attr_get_type(attribute);
		if (type < NEST_MAX)
			nest->attributes[type] = attribute;
	}
}

static uint32_t nest_u32(const struct nest *nest, uint16_t type)
{
	const struct nlattr *attribute = nest->attributes[type];
	if (!attribute || mnl_attr_get_payload_len(attribute) != sizeof(uint32_t))
		return 0;
	return ntohl(mnl_attr_get_u32(attribute));
}

static uint64_t nest_u64(const struct nest *nest, uint16_t type)
{
	const struct nlattr *attribute = nest->attributes[type];
	if (!attribute || mnl_attr_get_payload_len(attribute) != sizeof(uint64_t))
		return 0;
	return be64toh(mnl_attr_get_u64(attribute));
}

/* The text of an attribute, NULL where it has no final NUL. */
static const char *nest_text(const struct nest *nest, uint16_t type)
{
	const struct nlattr *attribute = nest->attributes[type];
	if (!attribute || mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
		return NULL;
	return mnl_attr_get_str(attribute);
}

static const uint8_t *nest_value(const struct nest *nest, uint16_t type, unsigned *length)
{
	struct nest data;
	if (!nest->attributes[type])
		return NULL;
	parse_nest(nest->attributes[type], &data);
	const struct nlattr *value = data.attributes[NFTA_DATA_VALUE];
	if (!value)
		return NULL;
	*length = mnl_attr_get_payload_len(value);
	return mnl_attr_get_payload(value);
}

static void parse_verdict(const struct nest *element, struct verdict_to *verdict)
{
	struct nest data;
	struct nest inner;
	parse_nest(element->attributes[NFTA_SET_ELEM_DATA], &data);
	if (!data.attributes[NFTA_DATA_VERDICT])
		return;
	parse_nest(data.attributes[NFTA_DATA_VERDICT], &inner);
	const char *chain = nest_text(&inner, NFTA_VERDICT_CHAIN);
	verdict->code = nft_verdict_of(nest_u32(&inner, NFTA_VERDICT_CODE));
	if (chain)
		strncpy(verdict->chain, chain, sizeof(verdict->chain) - 1);
}

/* nft's user data: type, length, text with a final NUL. */
static const char *userdata_comment(const uint8_t *data, unsigned length, uint8_t type)
{
	while (length >= 2 && data[1] <= length - 2) {
		if (data[0] == type && data[1] > 0 && data[1 + data[1]] == '\0')
			return (const char *)data + 2;
		length -= 2U + data[1];
		data += 2 + data[1];
	}
	return NULL;
}

static void parse_counter(const struct nest *element, struct nft_element *ret)
{
	struct nest expression;
	struct nest data;
	parse_nest(element->attributes[NFTA_SET_ELEM_EXPR], &expression);
	const char *name = nest_text(&expression, NFTA_EXPR_NAME);
	if (!name || strcmp(name, "counter") != 0 || !expression.attributes[NFTA_EXPR_DATA]) {
		ret->foreign = true;
		return;
	}
	parse_nest(expression.attributes[NFTA_EXPR_DATA], &data);
	ret->packets = nest_u64(&data, NFTA_COUNTER_PACKETS);
	ret->bytes = nest_u64(&data, NFTA_COUNTER_BYTES);
}

static int parse_element(const struct nlattr *attribute, struct nft_element *ret)
{
	struct nest nest;
	unsigned last_length = 0;
	memset(ret, 0, sizeof(*ret));
	parse_nest(attribute, &nest);
	ret->key = nest_value(&nest, NFTA_SET_ELEM_KEY, &ret->length);
	ret->last = nest_value(&nest, NFTA_SET_ELEM_KEY_END, &last_length);
	ret->data = nest_value(&nest, NFTA_SET_ELEM_DATA, &ret->data_length);
	ret->flags = nest_u32(&nest, NFTA_SET_ELEM_FLAGS);
	if ((ret->last && last_length != ret->length) || ret->length > IMAGE_KEY_MAX)
		return -EINVAL;
	if (nest.attributes[NFTA_SET_ELEM_DATA])
		parse_verdict(&nest, &ret->verdict);
	if (nest.attributes[NFTA_SET_ELEM_EXPR])
		parse_counter(&nest, ret);
	const struct nlattr *userdata = nest.attributes[NFTA_SET_ELEM_USERDATA];
	if (userdata)
		ret->comment = userdata_comment(mnl_attr_get_payload(userdata),
		                                mnl_attr_get_payload_len(userdata),
		                                NFTNL_UDATA_SET_ELEM_COMMENT);
	ret->foreign |= !ret->key || nest.attributes[NFTA_SET_ELEM_TIMEOUT] ||
	                nest.attributes[NFTA_SET_ELEM_OBJREF];
	return 0;
}

int nft_each_element(const struct nlmsghdr *message,
                     int (*visit)(const struct nft_element *element, void *context), void *context)
{
	const struct nlattr *list = NULL;
	struct nlattr *attribute;
	int r = 0;
	mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_LIST_ELEMENTS)
			list = attribute;
	if (!list)
		return 0;
	mnl_attr_for_each_nested (attribute, list) {
		struct nft_element element;
		r = parse_element(attribute, &element);
		if (r == 0)
			r = visit(&element, context);
		if (r < 0)
			break;
	}
	return r;
}

static bool has_counter(const struct nest *set)
{
	struct nest expression;
	if (!set->attributes[NFTA_SET_EXPR])
		return false;
	parse_nest(set->attributes[NFTA_SET_EXPR], &expression);
	const char *name = nest_text(&expression, NFTA_EXPR_NAME);
	return name && strcmp(name, "counter") == 0;
}

int nft_parse_set(const struct nlmsghdr *message, struct image_set **ret)
{
	struct nest nest = {0};
	struct nlattr *attribute;
	mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attribute) < NEST_MAX)
			nest.attributes[mnl_attr_get_type(attribute)] = attribute;
	const char *name = nest_text(&nest, NFTA_SET_NAME);
	uint32_t flags = nest_u32(&nest, NFTA_SET_FLAGS);
	enum key_type types[IMAGE_FIELDS_MAX];
	unsigned count;
	enum set_data data;
	if (!name || strlen(name) >= IMAGE_NAME_MAX ||
	    nft_set_types(nest_u32(&nest, NFTA_SET_KEY_TYPE), types, &count) < 0 ||
	    nft_set_data(flags, nest_u32(&nest, NFTA_SET_DATA_TYPE), &data) < 0)
		return -EINVAL;
	struct image_set *set = image_set_new(name, types, count, data);
	if (!set)
		return -ENOMEM;
	set->interval = flags & NFT_SET_INTERVAL;
	set->counters = has_counter(&nest);
	if (flags != nft_set_flags(set) ||
	    nest_u32(&nest, NFTA_SET_KEY_LEN) != nft_set_key_length(set)) {
		image_set_unref(set);
		return -EINVAL;
	}
	*ret = set;
	return 0;
}

static int add_tree_point(struct nft_elements *elements, const struct nft_element *element)
{
	if (elements->point_count == elements->point_capacity) {
		size_t capacity = elements->point_capacity ? 2 * elements->point_capacity : 16;
		void *points = reallocarray(elements->points, capacity, sizeof(*elements->points));
		if (!points)
			return -ENOMEM;
		elements->points = points;
		elements->point_capacity = capacity;
	}
	struct nft_tree_point *point = &elements->points[elements->point_count++];
	memset(point, 0, sizeof(*point));
	memcpy(point->key, element->key, element->length);
	point->length = element->length;
	point->end = element->flags & NFT_SET_ELEM_INTERVAL_END;
	return 0;
}

/* A map from addresses to addresses is ours only where each leads to itself. */
static bool data_is_foreign(const struct image_set *set, const struct nft_element *element)
{
	if (set->data != DATA_ADDRESS4 && set->data != DATA_ADDRESS6)
		return false;
	return element->data_length != element->length ||
	       memcmp(element->data, element->key, element->length) != 0;
}

static int add_element(const struct nft_element *element, void *context)
{
	struct nft_elements *elements = context;
	struct image_set *set = elements->set;
	bool tree = set->interval && set->field_count == 1;
	if (element->foreign || element->length != nft_set_key_length(set) ||
	    data_is_foreign(set, element)) {
		elements->foreign = true;
		return 0;
	}
	if (tree)
		return add_tree_point(elements, element);
	uint8_t key[IMAGE_KEY_MAX] = {0};
	uint8_t last[IMAGE_KEY_MAX] = {0};
	memcpy(key, element->key, element->length);
	memcpy(last, element->last ? element->last : element->key, element->length);
	return image_set_add(set, key, last, &element->verdict, element->comment);
}

int nft_parse_elements(const struct nlmsghdr *message, void *data)
{
	int r = nft_each_element(message, add_element, data);
	return r < 0 ? r : MNL_CB_OK;
}

/* By key; where one range ends and the next begins, the end comes first. */
static int compare_points(const void *a, const void *b)
{
	const struct nft_tree_point *x = a;
	const struct nft_tree_point *y = b;
	int order = memcmp(x->key, y->key, sizeof(x->key));
	return order ? order : (int)y->end - (int)x->end;
}

static void key_before(uint8_t *key, unsigned length)
{
	for (unsigned i = length; i-- > 0;)
		if (key[i]-- != 0)
			break;
}

static int pair_tree_points(struct nft_elements *elements)
{
	struct nft_tree_point *points = elements->points;
	int r = 0;
	qsort(points, elements->point_count, sizeof(*points), compare_points);
	for (size_t i = 0; r == 0 && i < elements->point_count; i++) {
		uint8_t last[IMAGE_KEY_MAX];
		if (points[i].end)
			continue;
		memset(last, 0, sizeof(last));
		memset(last, 0xff, points[i].length);
		if (i + 1 < elements->point_count) {
			memcpy(last, points[i + 1].key, sizeof(last));
			key_before(last, points[i].length);
		}
		r = image_set_add(elements->set, points[i].key, last, NULL, NULL);
	}
	return r;
}

int nft_elements_finish(struct nft_elements *elements)
{
	int r = 0;
	if (elements->point_count)
		r = pair_tree_points(elements);
	if (r == 0)
		r = image_set_finish(elements->set);
	free(elements->points);
	elements->points = NULL;
	elements->point_count = 0;
	return r;
}
