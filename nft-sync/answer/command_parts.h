/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_COMMAND_PARTS_H
#define PODSG_COMMAND_PARTS_H

/* The parts of answers. cJSON's functions take NULL where memory was short: the answer then lacks
 * something, nothing worse. */

#include "nft-sync/sync.h"

#include <cjson/cJSON.h>

cJSON *sources_object(const struct sync *sync);
cJSON *health_object(const struct sync *sync);
cJSON *interfaces_object(const struct sync *sync); /* how many in which state */
cJSON *kernel_object(struct sync *sync);
cJSON *clean_ups_object(const struct sync *sync);
cJSON *problems_object(const struct sync *sync);
cJSON *pods_object(struct sync *sync);
cJSON *groups_object(struct sync *sync);

const char *branch_state_name(const struct branch *branch); /* "open", "closed", … */

#endif
