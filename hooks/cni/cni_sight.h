/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CNI_SIGHT_H
#define PODSG_CNI_SIGHT_H

/* An attachment as the runtime, the plugins before us and the kernel show it. */

#include "common/config.h"
#include "common/journal.h"
#include "hooks/cni/cni_call.h"
#include "hooks/cni/cni_result.h"

struct cni_sight {
	struct attachment attachment; /* created and state are the caller's */
	char bridge[16];              /* whose port the host's end of the veth is; "" = none */
};

/* For ADD: an interface that is found is one that the kernel has, and it leads into the sandbox. */
int cni_sight_see(const struct cni_call *call, const struct config *config,
                  const struct cni_result *result, struct cni_sight *ret, struct error *err);

/*
 * For DEL, where the journal knows nothing: names and addresses, but no index, since what has the
 * name by now may be another pod's. result may be NULL.
 */
int cni_sight_recall(const struct cni_call *call, const struct cni_result *result,
                     struct attachment *ret, struct error *err);

#endif
