/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "common/clean_up_entry.h"
#include "hooks/cni/cni_release.h"

int cni_release(const char *journal, int lock, const struct attachment *gone, struct error *err)
{
	const struct clean_up_options options = {.journal = journal};
	if (lock != -ETIMEDOUT)
		return clean_up_entry(&options, gone, err);
	int r = clean_up_mark(journal, gone, "the journal was locked", err);
	return r < 0 ? r : error_set(err, lock, "the journal is locked; left to podsg-nft-sync");
}
