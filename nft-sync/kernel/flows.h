/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FLOWS_H
#define PODSG_FLOWS_H

/*
 * establishedFlows: cut. Deletes the conntrack entries of flows that an end permitted once and
 * would not permit now; their next packet is judged as that of a new flow. Entries that no end of
 * ours has permitted are not touched.
 */

#include "common/error.h"
#include "nft-sync/host/host.h"
#include "nft-sync/judge/judge.h"
#include "nft-sync/resolve/resolution.h"

struct flows_facts {
	const struct resolution *resolution;
	const struct judge_rules *rules;
	const struct host *host;
};

/* *cut: how many were deleted, also where a later one failed. */
int flows_cut(const struct flows_facts *facts, uint64_t *cut, struct error *err);

#endif
