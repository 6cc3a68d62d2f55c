/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RENDER_CLOSED_H
#define PODSG_RENDER_CLOSED_H

/*
 * The table of a node on which nobody knows yet which pods there will be: strict pods, whom the VPC
 * CNI gives interfaces of a name of their own, exchange nothing but neighbour discovery. Interfaces
 * of standard pods are named as those of pods without groups are, and stay as they are.
 */

#include "nft-sync/draw/image.h"

/* there_before: interfaces that stay as they are, too. -ENOMEM. */
int render_closed(const char *const *there_before, size_t count, struct image **ret);

#endif
