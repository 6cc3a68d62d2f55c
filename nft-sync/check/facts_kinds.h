/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_KINDS_H
#define PODSG_FACTS_KINDS_H

/* Which lists and kinds of objects become facts, and how large each is: the tables of facts.c. */

#include "nft-sync/check/facts.h"

extern const struct loader_reading facts_reading;
extern const size_t facts_kind_sizes[FACT_KINDS];

/* A live source has such objects, "CronJob", and does not let us read them: what there is of that
 * kind of facts is not all. */
void facts_miss(struct facts *facts, const char *kind);

#endif
