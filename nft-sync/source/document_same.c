/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/source/document_same.h"

static bool same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool same_texts(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!same_text(a[i], b[i]))
			return false;
	return true;
}

static bool same_addresses(const struct prefix *a, size_t a_count, const struct prefix *b,
                           size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (prefix_compare(&a[i], &b[i]) != 0)
			return false;
	return true;
}

/* In the order in which the server writes them, which is that of their keys. */
static bool same_labels(const struct labels *a, const struct labels *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_text(a->items[i].key, b->items[i].key) ||
		    !same_text(a->items[i].value, b->items[i].value))
			return false;
	return true;
}

static bool same_requirement(const struct selector_requirement *a,
                             const struct selector_requirement *b)
{
	return same_text(a->key, b->key) && (a->operator) == (b->operator) &&
	       same_texts(a->values, a->value_count, b->values, b->value_count);
}

static bool same_selector(const struct selector *a, const struct selector *b)
{
	if (!a || !b)
		return a == b;
	if (a->count != b->count || a->invalid != b->invalid)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_requirement(&a->requirements[i], &b->requirements[i]))
			return false;
	return true;
}

static bool same_policy(const struct security_group_policy *a,
                        const struct security_group_policy *b)
{
	return same_text(a->namespace, b->namespace) && same_text(a->name, b->name) &&
	       same_selector(a->pods, b->pods) &&
	       same_selector(a->service_accounts, b->service_accounts) &&
	       same_texts(a->groups, a->group_count, b->groups, b->group_count);
}

static bool same_account(const struct service_account *a, const struct service_account *b)
{
	return same_text(a->namespace, b->namespace) && same_text(a->name, b->name) &&
	       same_labels(&a->labels, &b->labels);
}

static bool same_eni(const struct branch_eni *a, const struct branch_eni *b)
{
	if (!a || !b)
		return a == b;
	return same_text(a->id, b->id) && same_text(a->mac, b->mac) && a->vlan_id == b->vlan_id &&
	       same_addresses(a->addresses, a->address_count, b->addresses, b->address_count);
}

static bool same_pod(const struct pod *a, const struct pod *b)
{
	return same_text(a->namespace, b->namespace) && same_text(a->name, b->name) &&
	       same_text(a->uid, b->uid) && same_text(a->config_hash, b->config_hash) &&
	       same_text(a->node, b->node) && same_text(a->service_account, b->service_account) &&
	       same_labels(&a->labels, &b->labels) && a->created == b->created &&
	       a->host_network == b->host_network && a->finished == b->finished &&
	       a->deleted_at_once == b->deleted_at_once && same_eni(a->eni, b->eni) &&
	       same_addresses(a->addresses, a->address_count, b->addresses, b->address_count);
}

static bool same_node(const struct node *a, const struct node *b)
{
	return same_text(a->name, b->name) &&
	       same_addresses(a->addresses, a->address_count, b->addresses, b->address_count);
}

static bool same_cninode(const struct cninode *a, const struct cninode *b)
{
	return same_text(a->name, b->name) &&
	       a->security_groups_for_pods == b->security_groups_for_pods;
}

static bool same_dns(const struct cluster_dns *a, const struct cluster_dns *b)
{
	return same_text(a->name, b->name) && a->endpoints == b->endpoints &&
	       a->udp_port == b->udp_port && a->tcp_port == b->tcp_port &&
	       same_addresses(a->addresses, a->address_count, b->addresses, b->address_count);
}

#define SAME_ALL(a, b, items, count, same)                                                         \
	do {                                                                                       \
		if ((a)->count != (b)->count)                                                      \
			return false;                                                              \
		for (size_t i = 0; i < (a)->count; i++)                                            \
			if (!same(&(a)->items[i], &(b)->items[i]))                                 \
				return false;                                                      \
	} while (0)

static bool has_others(const struct document *document)
{
	return document->group_count + document->interface_count + document->prefix_list_count +
	               document->instance_count + document->attachment_count >
	       0;
}

bool document_same(const struct document *a, const struct document *b)
{
	if (has_others(a) || has_others(b))
		return false;
	SAME_ALL(a, b, pods, pod_count, same_pod);
	SAME_ALL(a, b, policies, policy_count, same_policy);
	SAME_ALL(a, b, service_accounts, service_account_count, same_account);
	SAME_ALL(a, b, nodes, node_count, same_node);
	SAME_ALL(a, b, cninodes, cninode_count, same_cninode);
	SAME_ALL(a, b, cluster_dns, cluster_dns_count, same_dns);
	return true;
}
