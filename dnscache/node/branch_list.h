/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_BRANCH_LIST_H
#define PODSG_DNS_BRANCH_LIST_H

/* What the text of branches.json says, as it stands there; branches.c makes its table of it. */

#include "common/arena.h"
#include "common/vector.h"
#include "dnscache/node/branches.h"

/* Two branches may have one address while one pod is taking it over from another. */
struct listed_client {
	struct branch_client client; /* without .refused */
	double created;
};

struct branch_list {
	struct arena *arena; /* of all strings; who takes it leaves NULL */
	uint64_t generation;
	struct vector clients; /* struct listed_client */
	struct vector strict;  /* const char *: interfaces */
	struct vector pods;    /* const char * */
	struct vector servers; /* struct cluster_server */
	unsigned skipped;
	size_t count;       /* of branches, those that are not understood too */
	bool listed, dated; /* there was a list, a version */
};

int branch_list_open(struct branch_list *list); /* -ENOMEM */
void branch_list_done(struct branch_list *list);

/* As branches_load(). path: for errors. */
int branch_list_read(const char *path, const char *text, size_t length, struct branch_list *list,
                     struct error *err);

#endif
