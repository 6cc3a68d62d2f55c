/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_WORKLOAD_H
#define PODSG_WORKLOAD_H

/*
 * What decides which policies match a pod: its namespace, its service account and its labels. The
 * replicas of one template share it, so it is kept once and asked once.
 */

#include "common/buffer.h"
#include "common/vector.h"
#include "nft-sync/model/index.h"
#include "nft-sync/resolve/pod_groups.h"

/* Ids of security groups, immutable, counted. */
struct group_ids {
	unsigned references;
	size_t count;
	const char *ids[];
};

struct workload {
	struct index_entry index; /* first: the index hands out entries */
	size_t references;
	uint64_t stamp;           /* from what groups was worked out; 0 = never */
	struct group_ids *groups; /* by the policies */
	size_t size;
	char text[]; /* namespace, service account, then key and value of each label, NUL behind
	                each */
};

struct workloads {
	struct index index;
	struct buffer text;   /* of the one that is looked for */
	struct vector labels; /* of the one that is asked */
};

int workloads_init(struct workloads *workloads); /* negative errno */
void workloads_done(struct workloads *workloads);

/* A new reference. NULL: no memory. */
struct workload *workload_of(struct workloads *workloads, const struct pod *pod);
void workload_unref(struct workloads *workloads, struct workload *workload);

/* What the policies of input give, worked out where the stamp is another one. -ENOMEM. */
int workload_groups(struct workloads *workloads, struct workload *workload,
                    const struct pod_groups_input *input, uint64_t stamp, struct group_ids **ret);

/* NULL: no memory. */
struct group_ids *group_ids_new(const char *const *ids, size_t count);
struct group_ids *group_ids_ref(struct group_ids *ids);
void group_ids_unref(struct group_ids *ids);                                /* accepts NULL */
bool group_ids_equal(const struct group_ids *a, const struct group_ids *b); /* NULL: none */

#endif
