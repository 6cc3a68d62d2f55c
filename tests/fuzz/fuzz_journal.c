/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct attachment *attachment)
{
	struct error err = {0};
	char *text = NULL;
	if (attachment_text(attachment, &text, &err) < 0 && err.code != -ENOMEM)
		abort();
	return text;
}

/* What was accepted can be written, and is the same when it is read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct attachment first;
	struct attachment second;
	struct error err = {0};
	if (attachment_parse("f", (const char *)data, size, &first, &err) < 0) {
		if (err.code == 0 || err.text[0] == '\0')
			abort();
		return 0;
	}
	char *once = print(&first);
	if (once && (strlen(once) > JOURNAL_FILE_MAX ||
	             attachment_parse("f", once, strlen(once), &second, &err) < 0))
		abort();
	char *twice = once ? print(&second) : NULL;
	if (once && twice && strcmp(once, twice) != 0)
		abort();
	free(once);
	free(twice);
	return 0;
}
