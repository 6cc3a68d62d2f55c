/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_IMAGES_H
#define PODSG_TESTS_IMAGES_H

/* Sets, chains and images from few words, for the tests of what is made of them. */

#include "nft-sync/draw/image.h"

/* An address, an interface name or a decimal number by the type's field; "low-high" is a range. */
struct image_set *set_of(const char *name, enum key_type type, bool interval,
                         const char *const *elements);
#define SET(name, type, ...) set_of(name, type, false, (const char *const[]){__VA_ARGS__, NULL})
#define INTERVALS(name, type, ...)                                                                 \
	set_of(name, type, true, (const char *const[]){__VA_ARGS__, NULL})

/* A verdict map by interface: every interface jumps to the chain named beside it. */
struct image_set *map_of(const char *name, const char *const (*elements)[2]);
#define MAP(name, ...) map_of(name, (const char *const[][2]){__VA_ARGS__, {NULL}})

/* A chain of one rule a line: "@set" is a look-up of an interface, "jump x", "goto x", "drop". Its
 * digest is set as the kernel layer would. */
struct image_chain *chain_of(const char *name, const char *rules);
void chain_digest(struct image_chain *chain);

/* NULL ends the list. The image takes the references over. */
struct image *image_of(struct image_set *const *sets, struct image_chain *const *chains);
#define SETS(...) ((struct image_set *const[]){__VA_ARGS__, NULL})
#define CHAINS(...) ((struct image_chain *const[]){__VA_ARGS__, NULL})
#define NO_SETS ((struct image_set *const[]){NULL})
#define NO_CHAINS ((struct image_chain *const[]){NULL})

/* One that shares nothing with the original. rules false: as read from the kernel, without. */
struct image *image_copy(const struct image *image, bool rules);

/* Whether the set has an element of that key. */
bool set_has(const struct image_set *set, const char *element);

/* The whole text of the image, as nft reads it; the caller frees it. */
char *image_text(const struct image *image);

#endif
