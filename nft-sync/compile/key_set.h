/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KEY_SET_H
#define PODSG_KEY_SET_H

/* A set of small integers that adds, removes and asks for whole ranges in a few dozen word
 * operations, however wide the range asked for. All zero = empty. Ranges include both ends. */

#include <stdbool.h>
#include <stdint.h>

#define KEY_SET_KEYS (2 * 65536) /* two protocols with ports */
#define KEY_SET_WORDS (KEY_SET_KEYS / 64)

struct key_set {
	uint64_t words[KEY_SET_WORDS];
	uint64_t summary[KEY_SET_WORDS / 64]; /* bit n: words[n] is not 0 */
};

bool key_set_meets(const struct key_set *set, uint32_t first, uint32_t last);
void key_set_add(struct key_set *set, uint32_t first, uint32_t last);
void key_set_remove(struct key_set *set, uint32_t first, uint32_t last);

#endif
