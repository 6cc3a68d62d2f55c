/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CHECK_DOCUMENTS_H
#define PODSG_CHECK_DOCUMENTS_H

/* Documents on their way into the model and the facts, each of them whole or not at all. */

#include "nft-sync/check/check_summary.h"

struct check_documents {
	struct facts *facts;
	struct arena *arena;  /* of the sentences */
	struct vector unread; /* struct unread */
};

/* One text under a name; what is refused is noted. -ENOMEM. */
int check_documents_put(struct check_documents *documents, const char *name,
                        enum document_format format, const char *text, size_t length,
                        struct error *err);

/* Likewise; what is refused is the caller's to note. Below 0: it was, and nothing of it stays. */
int check_documents_try(struct check_documents *documents, const char *name,
                        enum document_format format, const char *text, size_t length,
                        struct error *refused);

/* What could not be read: see struct unread. -ENOMEM. */
int check_documents_note(struct check_documents *documents, const char *what, bool lacking,
                         const struct error *why, struct error *err);

/* Every *.json, *.yaml and *.yml of a directory, in the order of their names, or the one file. What
 * is refused is noted; below 0: there is nothing to be judged. */
int check_documents_read(struct check_documents *documents, const char *path, struct error *err);

#endif
