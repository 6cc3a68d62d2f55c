/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/digest.h"
#include "nft-sync/draw/render_members.h"
#include "nft-sync/draw/statement.h"

#define GROUP_NAME_MAX 64

bool is_nft_name(const char *text)
{
	size_t length = strlen(text);
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return false;
	return length > 0 && length <= GROUP_NAME_MAX;
}

void member_set_name(const char *group, enum member_kind kind, char name[static IMAGE_NAME_MAX])
{
	static const char *const endings[] = {"4", "6", "net4", "net6"};
	if (is_nft_name(group))
		snprintf(name, IMAGE_NAME_MAX, "members-%s-%s", group, endings[kind]);
	else
		snprintf(name, IMAGE_NAME_MAX, "members-%016llx-%s",
		         (unsigned long long)digest_text(DIGEST_START, group), endings[kind]);
}

static enum member_kind kind_of(const struct prefix *prefix)
{
	bool net = !prefix_is_address(prefix);
	if (prefix->family == AF_INET)
		return net ? MEMBERS_NET4 : MEMBERS4;
	return net ? MEMBERS_NET6 : MEMBERS6;
}

static struct image_set *make_set(const char *group, enum member_kind kind)
{
	static const enum key_type types[] = {
		[MEMBERS4] = KEY_ADDRESS4,
		[MEMBERS6] = KEY_ADDRESS6,
		[MEMBERS_NET4] = KEY_ADDRESS4,
		[MEMBERS_NET6] = KEY_ADDRESS6,
	};
	char name[IMAGE_NAME_MAX];
	member_set_name(group, kind, name);
	struct image_set *set = image_set_new(name, &types[kind], 1, DATA_NONE);
	if (!set)
		return NULL;
	set->interval = kind == MEMBERS_NET4 || kind == MEMBERS_NET6;
	snprintf(set->comment, sizeof(set->comment), "members of %s", group);
	return set;
}

static int add_member(struct member_image *image, const char *group, const struct prefix *prefix)
{
	uint8_t key[IMAGE_KEY_MAX];
	uint8_t last[IMAGE_KEY_MAX];
	unsigned key_length = 0;
	unsigned last_length = 0;
	struct prefix end = prefix_last(prefix);
	enum member_kind kind = kind_of(prefix);
	if (!image->sets[kind])
		image->sets[kind] = make_set(group, kind);
	if (!image->sets[kind])
		return -ENOMEM;
	key_put_address(key, &key_length, prefix);
	key_put_address(last, &last_length, &end);
	return image_set_add(image->sets[kind], key, last, NULL, NULL);
}

int member_image_make(const char *group, const struct member_set *members, struct member_image *ret)
{
	struct member_image image = {0};
	int r = 0;
	image.sets[MEMBERS4] = make_set(group, MEMBERS4);
	image.sets[MEMBERS6] = make_set(group, MEMBERS6);
	if (!image.sets[MEMBERS4] || !image.sets[MEMBERS6])
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && members && i < members->count; i++)
		r = add_member(&image, group, &members->prefixes[i]);
	for (int kind = 0; r == 0 && kind < MEMBER_KINDS; kind++)
		if (image.sets[kind])
			r = image_set_finish(image.sets[kind]);
	if (r < 0) {
		member_image_unref(&image);
		return r;
	}
	*ret = image;
	return 0;
}

void member_image_unref(struct member_image *image)
{
	for (int kind = 0; kind < MEMBER_KINDS; kind++)
		image_set_unref(image->sets[kind]);
	memset(image, 0, sizeof(*image));
}

enum field peer_field(enum direction direction, uint8_t family)
{
	if (family == AF_INET)
		return direction == DIRECTION_EGRESS ? FIELD_DESTINATION4 : FIELD_SOURCE4;
	return direction == DIRECTION_EGRESS ? FIELD_DESTINATION6 : FIELD_SOURCE6;
}

uint8_t member_family(enum member_kind kind)
{
	return kind == MEMBERS4 || kind == MEMBERS_NET4 ? AF_INET : AF_INET6;
}

struct image_rule *match_member(struct image_rule *rule, enum direction direction,
                                enum member_kind kind, const struct member_image *members)
{
	return match_set(rule, members->sets[kind]->name,
	                 peer_field(direction, member_family(kind)), FIELD_NONE, FIELD_NONE);
}
