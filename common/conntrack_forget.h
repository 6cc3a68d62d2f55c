/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONNTRACK_FORGET_H
#define PODSG_CONNTRACK_FORGET_H

#include "common/address.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Deletes the conntrack entries of this network namespace that an address has begun, answered or
 * been translated to. dry_run: counts them. *count holds what was found, also on failure.
 * -ETIMEDOUT: there were more than can be deleted in some seconds; those are gone that could be.
 */
int conntrack_forget(const struct prefix *address, bool dry_run, size_t *count, struct error *err);

/* Whether there is any entry: a kernel that tracks nothing may not even know how to be asked. */
bool conntrack_tracks_anything(void);

#endif
