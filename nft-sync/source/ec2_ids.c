/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/source/ec2_ids.h"

int ec2_ids_append(struct wanted_ids *ids, const char *id)
{
	char **larger = reallocarray(ids->ids, ids->count + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	ids->ids = larger;
	ids->ids[ids->count] = strdup(id);
	return ids->ids[ids->count] ? (ids->count++, 0) : -ENOMEM;
}

int ec2_ids_union(const struct wanted_ids *a, const struct wanted_ids *b, size_t max,
                  struct wanted_ids *ret)
{
	static const struct wanted_ids none;
	size_t i = 0;
	size_t j = 0;
	int r = 0;
	*ret = none;
	b = b ? b : &none;
	while (r == 0 && ret->count < max && (i < a->count || j < b->count)) {
		int order = i == a->count ? 1 : j == b->count ? -1 : strcmp(a->ids[i], b->ids[j]);
		r = ec2_ids_append(ret, order <= 0 ? a->ids[i] : b->ids[j]);
		i += order <= 0;
		j += order >= 0;
	}
	if (r < 0)
		ec2_ids_done(ret);
	return r;
}

void ec2_ids_done(struct wanted_ids *ids)
{
	for (size_t i = 0; i < ids->count; i++)
		free(ids->ids[i]);
	free(ids->ids);
	*ids = (struct wanted_ids){0};
}

bool ec2_ids_has(const struct wanted_ids *ids, const char *id)
{
	size_t low = 0;
	size_t high = ids->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(ids->ids[middle], id);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool ec2_ids_within(const struct wanted_ids *inner, const struct wanted_ids *outer)
{
	for (size_t i = 0; i < inner->count; i++)
		if (!ec2_ids_has(outer, inner->ids[i]))
			return false;
	return true;
}
