/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <sys/random.h>

#include "dnscache/forward/forward_random.h"

uint16_t forward_random_u16(struct forward_random *random)
{
	if (random->left == 0) {
		/* Up to 256 bytes can fail only where the kernel has no such call at all, and
		 * answers by guessable ids would be worse than none. */
		if (getrandom(random->block, sizeof(random->block), 0) !=
		    (ssize_t)sizeof(random->block))
			abort();
		random->left = sizeof(random->block) / sizeof(random->block[0]);
	}
	return random->block[--random->left];
}

unsigned forward_random_below(struct forward_random *random, unsigned limit)
{
	return forward_random_u16(random) % limit;
}
