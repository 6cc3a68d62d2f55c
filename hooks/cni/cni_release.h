/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CNI_RELEASE_H
#define PODSG_CNI_RELEASE_H

#include "common/journal.h"

/*
 * Removes what an attachment that is gone has left, and its file of the journal. What could not be
 * removed now stays in the journal as GONE, with the reason, for podsg-nft-sync to finish; where
 * not even that could be written, the error says so, too. lock: the journal's, or a negative errno.
 * With -ETIMEDOUT, somebody else is at it: nothing but the mark is set.
 */
int cni_release(const char *journal, int lock, const struct attachment *gone, struct error *err);

#endif
