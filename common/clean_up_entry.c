/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/clean_up_entry.h"

int clean_up_mark(const char *journal, const struct attachment *gone, const char *left,
                  struct error *err)
{
	struct attachment marked = *gone;
	marked.state = ATTACHMENT_GONE;
	(void)snprintf(marked.left, sizeof(marked.left), "%.*s", (int)sizeof(marked.left) - 1,
	               left);
	if (gone->state == ATTACHMENT_GONE && strcmp(marked.left, gone->left) == 0)
		return 0;
	return journal_update(journal, &marked, err);
}

int clean_up_entry(const struct clean_up_options *options, const struct attachment *gone,
                   struct error *err)
{
	struct error unmarked = {0};
	int marked = gone->state == ATTACHMENT_GONE
	                     ? 0
	                     : clean_up_mark(options->journal, gone, "", &unmarked);
	int r = clean_up(options, gone, err);
	if (r == 0)
		return journal_remove(options->journal, gone->sandbox, gone->ifname, err);
	if (marked < 0)
		return error_wrap(err, "nobody will finish it (%s)", unmarked.text);
	(void)clean_up_mark(options->journal, gone, err->text, NULL);
	return r;
}
