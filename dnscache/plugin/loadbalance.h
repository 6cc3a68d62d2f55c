/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_LOADBALANCE_H
#define PODSG_DNS_LOADBALANCE_H

/* Corefile's `loadbalance round_robin`: the A, AAAA and MX records of an answer turned round; what
 * else is in it, CNAMEs first of all, stays where it is. Works on the finished message, on the hot
 * path. */

#include <stddef.h>
#include <stdint.h>

/*
 * turn: any number; the records of every RRset are rotated by it. A message that cannot be walked
 * is left alone, and so are records that names elsewhere in the message lean on (by compression),
 * an RRset of more than LOADBALANCE_BYTES_MAX, and all but the answer section.
 */
#define LOADBALANCE_BYTES_MAX 4096
void loadbalance_rotate(uint8_t *message, size_t size, uint32_t turn);

#endif
