/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/vector.h"

static int grow(struct vector *vector)
{
	size_t capacity = vector->capacity > 0 ? vector->capacity * 2 : 8;
	void *items = reallocarray(vector->items, capacity, vector->item_size);

	if (items == NULL)
		return -ENOMEM;
	vector->items = items;
	vector->capacity = capacity;
	return 0;
}

void *vector_push(struct vector *vector)
{
	char *item;

	if (vector->count == vector->capacity && grow(vector) < 0)
		return NULL;
	item = (char *)vector->items + vector->count * vector->item_size;
	memset(item, 0, vector->item_size);
	vector->count++;
	return item;
}

int vector_move(struct vector *vector, struct arena *arena, void *ret_items, size_t *ret_count)
{
	void *items = NULL;

	if (vector->count > 0) {
		items = arena_array(arena, vector->count, vector->item_size);
		if (items == NULL)
			return -ENOMEM;
		memcpy(items, vector->items, vector->count * vector->item_size);
	}
	memcpy(ret_items, &items, sizeof(items));
	*ret_count = vector->count;
	vector->count = 0;
	return 0;
}

void vector_done(struct vector *vector)
{
	free(vector->items);
	vector->items = NULL;
	vector->count = 0;
	vector->capacity = 0;
}
