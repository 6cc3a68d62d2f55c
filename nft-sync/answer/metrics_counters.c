/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "common/exposition.h"
#include "nft-sync/answer/metrics.h"
#include "nft-sync/draw/names.h"
#include "nft-sync/draw/render_chains.h"
#include "nft-sync/kernel/nft_elements.h"

#define LABELS 5

struct count {
	double packets, bytes;
};

/* A set of the kernel that counts by interface: drops of one reason, or permitted flows. */
struct counts {
	const struct resolution *resolution;
	enum direction direction;
	const char *reason;   /* of drops */
	struct count *counts; /* as the resolution has its branches; NULL: the set cannot be read */
};

static int take_element(const struct nft_element *element, void *context)
{
	const struct counts *counts = context;
	char interface[INTERFACE_NAME_MAX] = "";
	if (element->length > sizeof(interface))
		return 0;
	memcpy(interface, element->key, element->length);
	interface[sizeof(interface) - 1] = '\0';
	const struct branch *branch = resolution_branch(counts->resolution, interface);
	if (branch)
		counts->counts[branch - counts->resolution->branches] = (struct count){
			.packets = (double)element->packets, .bytes = (double)element->bytes};
	return 0;
}

static void counts_read(struct counts *counts, struct nft *nft, const char *set)
{
	counts->counts = calloc(counts->resolution->branch_count + 1, sizeof(struct count));
	if (counts->counts && nft_read_counters(nft, set, take_element, counts) < 0) {
		free(counts->counts);
		counts->counts = NULL;
	}
}

/* What cannot happen to an interface is shown only if it did: most series would be zero for
 * ever. */
static bool can_happen(const struct branch *branch, const char *reason)
{
	if (branch->state == BRANCH_CLAIMED)
		return strcmp(reason, DROP_CLAIMED) == 0;
	if (strcmp(reason, DROP_SOURCE) == 0)
		return branch->source_dest_check;
	if (strcmp(reason, DROP_PATH) == 0)
		return branch_is_strict_path(branch);
	if (strcmp(reason, DROP_NODE) == 0)
		return branch->mode == MODE_STANDARD;
	if (strcmp(reason, DROP_RULES) == 0)
		return branch->state == BRANCH_OPEN;
	return strcmp(reason, DROP_CLOSED) == 0 && branch->state == BRANCH_CLOSED;
}

/* Of two pods that claim one interface, the one that the kernel knows. */
static bool is_shown(const struct counts *counts, const struct branch *branch)
{
	return resolution_branch(counts->resolution, branch->interface) == branch;
}

static void expose_counts(FILE *out, const char *name, const struct counts *counts, bool bytes)
{
	for (size_t i = 0; counts->counts && i < counts->resolution->branch_count; i++) {
		const struct branch *branch = &counts->resolution->branches[i];
		const struct count *count = &counts->counts[i];
		const struct sample_label labels[LABELS] = {
			{"interface", branch->interface},
			{"namespace", branch->namespace},
			{"pod", branch->pod},
			{"direction", direction_name(counts->direction)},
			{"reason", counts->reason},
		};
		bool drop = counts->reason != NULL;
		if (is_shown(counts, branch) &&
		    (!drop || count->packets > 0 || can_happen(branch, counts->reason)))
			expose_sample(out, name, labels, drop ? LABELS : LABELS - 1,
			              bytes ? count->bytes : count->packets);
	}
}

static void expose_drops(FILE *out, const struct counts *drops, const char *name, const char *help,
                         bool bytes)
{
	expose_family(out, name, "counter", help);
	for (size_t i = 0; i < drop_reason_count; i++)
		expose_counts(out, name, &drops[i], bytes);
}

static void metrics_drops(FILE *out, const struct sync *sync)
{
	struct counts *drops = calloc(drop_reason_count, sizeof(*drops));
	for (size_t i = 0; drops && i < drop_reason_count; i++) {
		char name[IMAGE_NAME_MAX];
		const char *direction = direction_name(drop_reasons[i].direction);
		snprintf(name, sizeof(name), "drops-%s-%s", direction, drop_reasons[i].reason);
		drops[i] = (struct counts){.resolution = sync->resolution,
		                           .direction = drop_reasons[i].direction,
		                           .reason = drop_reasons[i].reason};
		counts_read(&drops[i], sync->nft, name);
	}
	if (!drops)
		return;
	expose_drops(
		out, drops, "podsg_dropped_packets_total",
		"Packets dropped, by the interface whose pod they came from (egress) or went to "
		"(ingress).",
		false);
	expose_drops(out, drops, "podsg_dropped_bytes_total", "Bytes of those packets.", true);
	for (size_t i = 0; i < drop_reason_count; i++)
		free(drops[i].counts);
	free(drops);
}

static void metrics_permits(FILE *out, const struct sync *sync)
{
	static const char name[] = "podsg_permitted_flows_total";
	static const char *const sets[DIRECTIONS] = {
		[DIRECTION_INGRESS] = SET_PERMITS_INGRESS, [DIRECTION_EGRESS] = SET_PERMITS_EGRESS};
	expose_family(
		out, name, "counter",
		"Flows permitted by the pod's rules or an exemption, likewise; packets, where no "
		"flow is tracked.");
	for (enum direction d = DIRECTION_INGRESS; d <= DIRECTION_EGRESS; d++) {
		struct counts counts = {.resolution = sync->resolution, .direction = d};
		counts_read(&counts, sync->nft, sets[d]);
		expose_counts(out, name, &counts, false);
		free(counts.counts);
	}
}

static void expose_exemption(FILE *out, struct nft *nft, const char *exemption,
                             enum direction direction, const char *chain)
{
	uint64_t packets = 0;
	const struct sample_label labels[] = {{"exemption", exemption},
	                                      {"direction", direction_name(direction)}};
	if (nft_read_chain_counter(nft, chain, &packets) == 0)
		expose_sample(out, "podsg_exempt_flows_total", labels, 2, (double)packets);
}

static void metrics_exemptions(FILE *out, const struct sync *sync)
{
	expose_family(out, "podsg_exempt_flows_total", "counter",
	              "Flows that an exemption permitted; packets, where no flow is tracked.");
	for (int i = 0; i < EXEMPTIONS; i++) {
		char chain[IMAGE_NAME_MAX];
		if (!sync->config->exempt[i])
			continue;
		snprintf(chain, sizeof(chain), "exempt-%s", exemption_names[i]);
		if (i != EXEMPT_HAIRPIN)
			expose_exemption(out, sync->nft, exemption_names[i],
			                 i == EXEMPT_NODE_PROBE ? DIRECTION_INGRESS
			                                        : DIRECTION_EGRESS,
			                 chain);
	}
	if (!sync->config->exempt[EXEMPT_HAIRPIN])
		return;
	expose_exemption(out, sync->nft, "hairpin", DIRECTION_EGRESS, "exempt-hairpin-egress");
	expose_exemption(out, sync->nft, "hairpin", DIRECTION_INGRESS, "exempt-hairpin-ingress");
}

void metrics_counters(FILE *out, const struct sync *sync)
{
	if (!sync->resolution)
		return;
	metrics_drops(out, sync);
	metrics_permits(out, sync);
	metrics_exemptions(out, sync);
}
