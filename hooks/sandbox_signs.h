/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SANDBOX_SIGNS_H
#define PODSG_SANDBOX_SIGNS_H

/* What the kernel still shows of a sandbox. What follows from it is each judge's own business. */

#include "common/journal.h"

#include <stdbool.h>

enum netns_sign {
	NETNS_ABSENT, /* or no network namespace: an empty file stays where one was mounted */
	NETNS_OURS,   /* a runtime that died may have left a path that leads to the node's own */
	NETNS_THERE,
	NETNS_UNKNOWN, /* it cannot be looked at */
};

enum netns_sign sandbox_netns_sign(const struct attachment *attachment);

/*
 * The host's end of its veth: by its index where that is known, else by its name. One that a CNI
 * plugin makes in the pod's network namespace and moves out keeps the index it had there, where
 * that is free, so that a later one may have the same (dev_change_net_namespace()): under another
 * name it counts while the network namespace is there. True also where the kernel cannot be asked.
 */
bool sandbox_has_interface(const struct attachment *attachment);

#endif
