/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_FORWARD_RANDOM_H
#define PODSG_DNS_FORWARD_RANDOM_H

/* What an attacker must not guess, from the kernel, a block at a time. Of one thread. */

#include <stddef.h>
#include <stdint.h>

struct forward_random { /* a zeroed one is ready */
	size_t left;
	uint16_t block[128]; /* as much as getrandom() gives without being interrupted */
};

uint16_t forward_random_u16(struct forward_random *random);
/* 0 … limit - 1, as good as evenly for the few that are asked for here. */
unsigned forward_random_below(struct forward_random *random, unsigned limit);

#endif
