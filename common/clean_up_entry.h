/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CLEAN_UP_ENTRY_H
#define PODSG_CLEAN_UP_ENTRY_H

#include "common/clean_up.h"

/*
 * Gives up an attachment that is gone: clean_up(), then its file of the journal. The file is marked
 * GONE before anything is removed, so that whoever is killed in between has a successor. What could
 * not be removed now stays there with the reason, for podsg-nft-sync to finish; where not even the
 * mark could be written, the error says so, too. The caller holds the journal's lock where it could
 * be had. Not for a dry run.
 */
int clean_up_entry(const struct clean_up_options *options, const struct attachment *gone,
                   struct error *err);

/* The mark alone. left: why nothing was removed. */
int clean_up_mark(const char *journal, const struct attachment *gone, const char *left,
                  struct error *err);

#endif
