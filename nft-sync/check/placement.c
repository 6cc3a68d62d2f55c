/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft-sync/check/placement.h"

/* A term that is not understood, by its operators Gt and Lt or its fields, may match. */
static bool matches_term(const struct selector *term, const struct node_facts *node)
{
	return term->invalid || selector_matches(term, &node->labels);
}

bool may_be_on(const struct pod_facts *pod, const struct node_facts *node)
{
	if (pod->node_selector && !selector_matches(pod->node_selector, &node->labels))
		return false;
	for (size_t i = 0; i < pod->node_term_count; i++)
		if (matches_term(pod->node_terms[i], node))
			return true;
	return pod->node_term_count == 0;
}

bool is_choosy(const struct pod_facts *pod)
{
	return (pod->node_selector && pod->node_selector->count > 0) || pod->node_term_count > 0;
}

static void read_term(struct loader *loader, const struct field *element, void *context)
{
	struct vector *terms = context;
	struct selector *term = read_selector_at(loader, element);
	struct selector **place = term ? loader_push(loader, terms) : NULL;
	if (place)
		*place = term;
}

void read_placement(struct loader *loader, const struct field *spec, struct pod_facts *pod)
{
	const struct field affinity = read_object(loader, spec, "affinity", OPTIONAL);
	const struct field of_node = read_object(loader, &affinity, "nodeAffinity", OPTIONAL);
	const struct field required = read_object(
		loader, &of_node, "requiredDuringSchedulingIgnoredDuringExecution", OPTIONAL);
	struct vector terms = {.item_size = sizeof(struct selector *)};
	pod->node_selector = read_equality_selector(loader, spec, "nodeSelector");
	read_elements(loader, &required, "nodeSelectorTerms", read_term, &terms);
	loader_keep(loader, &terms, &pod->node_terms, &pod->node_term_count);
	vector_done(&terms);
}
