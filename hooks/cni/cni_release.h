/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CNI_RELEASE_H
#define PODSG_CNI_RELEASE_H

#include "common/journal.h"

/* clean_up_entry(). lock: the journal's, or a negative errno; with -ETIMEDOUT, somebody else is at
 * it: nothing but the mark is set. */
int cni_release(const char *journal, int lock, const struct attachment *gone, struct error *err);

#endif
