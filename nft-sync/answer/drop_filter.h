/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DROP_FILTER_H
#define PODSG_DROP_FILTER_H

/* Which dropped packets a client wants to be told. */

#include "common/error.h"
#include "nft-sync/draw/render_chains.h"

#include <cjson/cJSON.h>

#define POD_NAME_MAX 512 /* "namespace/name" */

/* "": any. */
struct drop_filter {
	char pod[POD_NAME_MAX];
	char interface[INTERFACE_NAME_MAX];
	const char *direction;
	char reason[32];
};

/* From a request's "pod", "interface", "direction", "reason". -EINVAL says what was expected. */
int drop_filter_read(const cJSON *request, struct drop_filter *ret, struct error *err);

/* branch: whose interface it is; NULL: nobody's any more. */
bool drop_filter_matches(const struct drop_filter *filter, const struct drop_reason *reason,
                         const char *interface, const struct branch *branch);

#endif
