/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_POD_BUNDLES_H
#define PODSG_POD_BUNDLES_H

/* Pods and templates that have the same security groups: what groups do to one of them they do to
 * all. */

#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_pods.h"

struct pod_bundle {
	const char *const *groups; /* ids, sorted */
	size_t group_count;
	const struct pod_facts *const *pods; /* and templates; those of known templates, too */
	size_t pod_count;
};

struct pod_bundles {
	struct pod_bundle *items; /* sorted by groups */
	size_t count;
};

/*
 * Of what is judged and has groups, those that wanted accepts; NULL: all. In the run's arena. On
 * lack of memory there are none, and the run has failed.
 */
struct pod_bundles pod_bundles_of(struct check_run *run,
                                  bool (*wanted)(const struct pod_facts *pod));

/* That a finding names it: it is a template, or a pod of which no template is known. */
bool is_named(const struct check_run *run, const struct pod_facts *pod);

#endif
