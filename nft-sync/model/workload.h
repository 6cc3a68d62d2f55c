/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_WORKLOAD_H
#define PODSG_WORKLOAD_H

/*
 * What decides which policies match a pod: its namespace, its service account and its labels. The
 * replicas of a Deployment share it, so it is kept once and asked once; the pods of a StatefulSet
 * share all but a label or two. Labels that no policy asks for are kept as well: the next one may.
 */

#include "common/vector.h"
#include "nft-sync/model/group_ids.h"
#include "nft-sync/model/id_index.h"
#include "nft-sync/model/pool.h"
#include "nft-sync/model/strings.h"
#include "nft-sync/resolve/pod_groups.h"

struct workload {
	struct id_entry entry;    /* first: the index hands out entries */
	struct group_ids *groups; /* by the policies; NULL = none */
	uint64_t stamp;           /* from what groups was worked out; 0 = never */
	uint32_t references;
	uint32_t count;
	uint32_t ids[]; /* namespace, service account, then key and value of each label */
};

struct workloads {
	struct strings *strings;
	struct group_lists *lists;
	struct pool pool;
	struct id_index index;
	struct vector ids;    /* of the one that is looked for */
	struct vector labels; /* of the one that is asked */
};

int workloads_init(struct workloads *workloads, struct strings *strings,
                   struct group_lists *lists); /* -ENOMEM */
void workloads_done(struct workloads *workloads);

/* *ret is a new reference. -ENOMEM, -ENAMETOOLONG. */
int workload_of(struct workloads *workloads, const struct pod *pod, struct workload **ret);
void workload_unref(struct workloads *workloads, struct workload *workload);

/* Whether it is the pod's, without a look at any other. */
bool workload_is_of(const struct workloads *workloads, const struct workload *workload,
                    const struct pod *pod);

/* What the policies of input give, worked out where the stamp is another one. -ENOMEM. */
int workload_groups(struct workloads *workloads, struct workload *workload,
                    const struct pod_groups_input *input, uint64_t stamp, struct group_ids **ret);

#endif
