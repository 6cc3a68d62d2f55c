/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_EC2_IDS_H
#define PODSG_EC2_IDS_H

/* Sets of ids: sorted, each once, each an allocation of its own. */

#include "nft-sync/resolve/wanted.h"

#include <stdbool.h>

/* Of both, at most max of them; b may be NULL. -ENOMEM: ret is empty. */
int ec2_ids_union(const struct wanted_ids *a, const struct wanted_ids *b, size_t max,
                  struct wanted_ids *ret);
void ec2_ids_done(struct wanted_ids *ids);
bool ec2_ids_has(const struct wanted_ids *ids, const char *id);
bool ec2_ids_within(const struct wanted_ids *inner, const struct wanted_ids *outer);
/* Behind all others. -ENOMEM. */
int ec2_ids_append(struct wanted_ids *ids, const char *id);

#endif
