/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clean_up.h"
#include "hooks/cni/cni_release.h"

static int mark(const char *journal, const struct attachment *gone, const char *left,
                struct error *err)
{
	struct attachment marked = *gone;
	marked.state = ATTACHMENT_GONE;
	(void)snprintf(marked.left, sizeof(marked.left), "%.255s", left);
	return journal_write(journal, &marked, err);
}

static int clean(const char *journal, const struct attachment *gone, struct error *err)
{
	const struct clean_up_options options = {.journal = journal};
	struct error unmarked = {0};
	int marked = mark(journal, gone, "", &unmarked);
	int r = clean_up(&options, gone, err);
	if (r == 0)
		return journal_remove(journal, gone->sandbox, gone->ifname, err);
	if (marked < 0)
		return error_wrap(err, "nobody will finish it (%s)", unmarked.text);
	(void)mark(journal, gone, err->text, NULL);
	return r;
}

int cni_release(const char *journal, int lock, const struct attachment *gone, struct error *err)
{
	if (lock != -ETIMEDOUT)
		return clean(journal, gone, err);
	int r = mark(journal, gone, "the journal was locked", err);
	return r < 0 ? r : error_set(err, lock, "the journal is locked; left to podsg-nft-sync");
}
