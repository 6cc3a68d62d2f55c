/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_DRAWING_H
#define PODSG_TESTS_DRAWING_H

/* A setting and what the renderer draws of it. */

#include "nft-sync/draw/render.h"
#include "tests/unit/images.h"
#include "tests/unit/setting.h"

struct drawing {
	struct setting setting;
	struct renderer *renderer;
	struct image *image; /* the last one */
	struct render_report report;
	char problem[1024]; /* the last one said while drawing, "" = none */
};

void drawing_open(struct drawing *drawing, const char *config);
void drawing_close(struct drawing *drawing);
void drawing_draw(struct drawing *drawing); /* resolves, too; the former image is `previous` */

/* "chain x", "set y", "map z" as nft reads it, without its head and its last brace; NULL where
 * there is none. Static. */
const char *drawing_block(const struct drawing *drawing, const char *head);

/* Whether the set, if there is one, holds the pod's interface. */
bool drawing_holds(const struct drawing *drawing, const char *set, const char *pod);

/* The rules of a pod in one direction: the name of their chain; "" = it has none. */
const char *drawing_rules(const struct drawing *drawing, enum direction direction, const char *pod);

#endif
