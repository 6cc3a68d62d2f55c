/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_ENI_LISTING_H
#define PODSG_GC_ENI_LISTING_H

/* All that EC2 knows of a cluster's interfaces and groups, at one time, sorted into what may go and
 * what may not. It is whole, or an error. */

#include "common/vector.h"
#include "hooks/eni-gc/gc_eni_ec2.h"
#include "hooks/eni-gc/gc_eni_options.h"
#include "hooks/eni-gc/gc_eni_report.h"

/* An interface or a group, the other is NULL. */
struct gc_candidate {
	const char *id;
	uint64_t fingerprint;
	const struct gc_eni *eni;
	const struct gc_group *group;
};

/* A zeroed one is empty. */
struct gc_listing {
	struct gc_enis enis;
	struct gc_groups groups;
	struct gc_instances instances;
	struct vector candidates; /* struct gc_candidate; interfaces first */
	struct vector findings;   /* struct gc_finding: the rest of the cluster's */
	size_t others;            /* interfaces of other clusters */
	bool lives;               /* among the findings is what shows that the cluster does */
};

/* Branch interfaces that are available. */
int gc_list_branches(struct gc_ec2 *ec2, const struct gc_eni_options *options,
                     struct gc_listing *ret, struct error *err);
/* All that carries the cluster's tags, and what its control plane uses. */
int gc_list_leftovers(struct gc_ec2 *ec2, const struct gc_eni_options *options,
                      struct gc_listing *ret, struct error *err);
void gc_listing_done(struct gc_listing *listing);

#endif
