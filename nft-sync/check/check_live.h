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

/* Where the API server lists a kind of objects: the first path that it knows. */
#define LIVE_PATHS 2
struct live_list {
	const char *kind; /* NULL behind the last */
	const char *name; /* of its documents: "kubernetes/pods" */
	const char *paths[LIVE_PATHS];
};
extern const struct live_list live_lists[];

/* Whether the configuration has one. */
bool check_live_configured(const struct config *config);

/* Asks those that are configured, one after the other. -ENOMEM; the rest is noted. */
int check_live_read(struct check_documents *documents, struct error *err);

/* Inside: each asks its source, on a loop that nobody else uses. */
int check_live_kubernetes(struct check_documents *documents, uv_loop_t *loop, struct error *err);
/* Behind Kubernetes: which instance types and which cluster it asks for, the nodes say. */
int check_live_ec2(struct check_documents *documents, uv_loop_t *loop, struct error *err);

/* EKS, where EC2 is: whose nodes these are. */
struct live_aws {
	uv_loop_t *loop;
	struct http *http;
	struct imds *imds;
	const char *region;
};
int check_live_eks(struct check_documents *documents, const struct live_aws *aws,
                   struct error *err);

/* A page, {"kind":"PodList",…,"items":[…]}, under a name: where an object of it is refused, it is
 * named, and the others are put. */
int check_live_put_page(struct check_documents *documents, const struct live_list *list,
                        const char *name, const char *text, size_t length, struct error *err);

/* A document of the list that a live source calls so, "ec2/subnets". Below 0: it was refused. */
int check_live_try(struct check_documents *documents, const char *list, const char *name,
                   const char *text, size_t length, struct error *refused);
/* Likewise; what is refused is noted. -ENOMEM. */
int check_live_put(struct check_documents *documents, const char *list, const char *name,
                   const char *text, size_t length, struct error *err);
/* What is not permitted: noted, and checks that need it say so. what, needs: see struct withheld.
 */
int check_live_withhold(struct check_documents *documents, const char *document, const char *what,
                        const char *needs, const struct error *why, struct error *err);

#endif
