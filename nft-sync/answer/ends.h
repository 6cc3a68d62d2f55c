/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_ENDS_H
#define PODSG_ENDS_H

/* {"command":"ends"} and {"command":"services"}: who there is to talk to on this node, and what
 * passes between two of them. Every answer takes a few milliseconds: whoever wants a whole matrix
 * asks often. */

#include "nft-sync/sync.h"

#include <cjson/cJSON.h>

#define ENDS_GROUPS_MAX 64
#define ENDS_NETWORKS_MAX 64

/*
 * {"node":…, "ends":[{"kind":"pod"|"node"|"internet"|"group"|"network", "name", "addresses":[…],
 * "text"}], "left":false}. A group, a network and the internet are asked about by one address of
 * each family, which text explains; left: there are more groups or networks than the maxima.
 */
cJSON *ends_answer(const struct sync *sync);

/*
 * request: {"source":[addresses], "destinations":[[addresses], …]}. {"cells":[{"verdict":
 * "all"|"some"|"none"|"unknown", "families":[{"family":4, "source", "destination", "verdict",
 * "problem", "partial", "answers":[{"what":"tcp/443, udp", "permitted", "text"}]}]}]}: the first
 * of the destinations, at least one, as many as can be answered at once. NULL and err: the request
 * is not understood.
 */
cJSON *services_answer(const struct sync *sync, const cJSON *request, struct error *err);

#endif
