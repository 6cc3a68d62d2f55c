/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/drawing.h"

#define BLOCK_SIZE 65536

void drawing_open(struct drawing *drawing, const char *config)
{
	*drawing = (struct drawing){0};
	setting_open(&drawing->setting, config);
	drawing->renderer = renderer_new();
	assert_non_null(drawing->renderer);
}

void drawing_close(struct drawing *drawing)
{
	image_free(drawing->image);
	renderer_free(drawing->renderer);
	setting_close(&drawing->setting);
}

static void keep_problem(void *context, const char *problem)
{
	struct drawing *drawing = context;

	(void)snprintf(drawing->problem, sizeof(drawing->problem), "%s", problem);
}

void drawing_draw(struct drawing *drawing)
{
	struct error err = {0};
	struct image *image = NULL;

	setting_resolve(&drawing->setting);
	drawing->problem[0] = '\0';
	if (render(drawing->renderer, drawing->setting.resolution, drawing->setting.model,
	           drawing->image, &image, &drawing->report, keep_problem, drawing, &err) < 0)
		fail_msg("%s", err.text);
	image_free(drawing->image);
	drawing->image = image;
}

const char *drawing_block(const struct drawing *drawing, const char *head)
{
	static char block[BLOCK_SIZE];
	char *text = image_text(drawing->image);
	char wanted[IMAGE_NAME_MAX + 16];

	(void)snprintf(wanted, sizeof(wanted), "\n\t%s {\n", head);
	const char *begin = strstr(text, wanted);
	const char *end = begin != NULL ? strstr(begin, "\n\t}\n") : NULL;

	if (end != NULL) {
		begin += strlen(wanted);
		assert_true((size_t)(end - begin) + 2 < sizeof(block));
		(void)snprintf(block, sizeof(block), "%.*s\n", (int)(end - begin), begin);
	}
	free(text);
	return end != NULL ? block : NULL;
}

/* The set's element of the pod's host interface, or -1. */
static int find_interface(const struct drawing *drawing, const struct image_set *set,
                          const char *pod)
{
	const struct branch *branch = setting_branch(&drawing->setting, pod);

	assert_non_null(branch);
	for (size_t i = 0; set != NULL && i < set->count; i++)
		if (strncmp((const char *)image_set_key(set, i), branch->interface, 16) == 0)
			return (int)i;
	return -1;
}

bool drawing_holds(const struct drawing *drawing, const char *set, const char *pod)
{
	return find_interface(drawing, image_find_set(drawing->image, set), pod) >= 0;
}

const char *drawing_rules(const struct drawing *drawing, enum direction direction, const char *pod)
{
	const struct image_set *map = image_find_set(
		drawing->image, direction == DIRECTION_EGRESS ? "rules-egress" : "rules-ingress");
	int at = find_interface(drawing, map, pod);

	assert_non_null(map);
	return at < 0 ? "" : map->verdicts[at].chain;
}
