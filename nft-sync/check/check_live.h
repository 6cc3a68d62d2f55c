/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CHECK_LIVE_H
#define PODSG_CHECK_LIVE_H

/*
 * What the live sources of the configuration hold at this moment, as documents: complete lists,
 * each whole or not at all. What may not be had, or is not there, is noted as lacking; a source
 * that does not answer is noted as not read.
 */

#include <uv.h>

#include "nft-sync/check/check_documents.h"

/* Whether the configuration has one. */
bool check_live_configured(const struct config *config);

/* Asks those that are configured, one after the other. -ENOMEM; the rest is noted. */
int check_live_read(struct check_documents *documents, struct error *err);

/* Inside: each asks its source, on a loop that nobody else uses. */
int check_live_kubernetes(struct check_documents *documents, uv_loop_t *loop, struct error *err);
int check_live_ec2(struct check_documents *documents, uv_loop_t *loop, struct error *err);

/* Where the API server lists a kind of objects: the first path that it knows. */
#define LIVE_PATHS 2
struct live_list {
	const char *kind; /* NULL behind the last */
	const char *name; /* of its documents: "kubernetes/pods" */
	const char *paths[LIVE_PATHS];
};
extern const struct live_list live_lists[];

#endif
