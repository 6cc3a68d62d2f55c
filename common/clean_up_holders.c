/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/clean_up_evidence.h"

enum kind_of_pod { ANY_POD, STRICT_POD, OTHER_POD };

/* What somebody may hold. */
struct claim {
	enum kind_of_pod kind;
	unsigned vlan;                /* 0: any or none */
	const struct prefix *address; /* NULL: any or none */
};

static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool is_branch_device(const char *name)
{
	return strncmp(name, BRANCH_DEVICE_PREFIX, strlen(BRANCH_DEVICE_PREFIX)) == 0;
}

static bool fits(const struct attachment *attachment, const struct claim *claim)
{
	bool is_strict = attachment->vlan != 0 && attachment->mode == MODE_STRICT;
	return (claim->kind == ANY_POD || is_strict == (claim->kind == STRICT_POD)) &&
	       (claim->vlan == 0 || attachment->vlan == claim->vlan) &&
	       (!claim->address || evidence_has_address(attachment, claim->address));
}

/* Where nothing says when the gone one was made, every other one may be newer. */
static const struct attachment *newer_holder(const struct evidence *evidence,
                                             const struct claim *claim)
{
	const struct attachment *others = evidence->others.items;
	for (size_t i = 0; i < evidence->others.count; i++)
		if (others[i].created >= evidence->gone->created && fits(&others[i], claim))
			return &others[i];
	return NULL;
}

static bool name_sandbox(const struct attachment *attachment, char holder[static HOLDER_MAX])
{
	if (attachment->pod[0])
		(void)snprintf(holder, HOLDER_MAX, "pod %s/%s, sandbox %s", attachment->namespace,
		               attachment->pod, attachment->sandbox);
	else
		(void)snprintf(holder, HOLDER_MAX, "sandbox %s", attachment->sandbox);
	return true;
}

static const struct attachment *other_at(const struct evidence *evidence,
                                         const struct network_link *link)
{
	const struct attachment *others = evidence->others.items;
	for (size_t i = 0; i < evidence->others.count; i++)
		if (evidence_is_interface_of(&others[i], link))
			return &others[i];
	return NULL;
}

static bool name_link(const struct evidence *evidence, const struct network_link *link,
                      char holder[static HOLDER_MAX])
{
	const struct attachment *other = other_at(evidence, link);
	if (other)
		return name_sandbox(other, holder);
	(void)snprintf(holder, HOLDER_MAX, "interface %s", link->name);
	return true;
}

/* The veth of another pod. Links of other kinds, such as the node's own and that of a node-local
 * DNS cache, are nobody's sign of life. */
static const struct network_link *living_veth(const struct evidence *evidence, unsigned index)
{
	const struct network_link *link = network_link_at(&evidence->network, index);
	return link && link->is_veth && link->index != evidence->own &&
	                       !is_branch_device(link->name)
	               ? link
	               : NULL;
}

/* only_main: strict pods have their routes elsewhere. */
static const struct network_link *veth_to(const struct evidence *evidence,
                                          const struct prefix *address, bool only_main)
{
	for (NETWORK_EACH(route, item, &evidence->network)) {
		const struct network_link *link = NULL;
		if (item->is_unicast && prefix_equal(&item->destination, address) &&
		    (!only_main || item->table == MAIN_TABLE))
			link = living_veth(evidence, item->link);
		if (link)
			return link;
	}
	return NULL;
}

/* The VPC CNI makes the route before the rule that leads to its table. */
static bool uses_table(const struct evidence *evidence, const struct network_link *link,
                       unsigned vlan)
{
	const struct attachment *other = other_at(evidence, link);
	if (other && other->vlan != 0)
		return other->vlan == vlan;
	for (NETWORK_EACH(route, item, &evidence->network))
		if (item->link == link->index && branch_table_vlan(item->table) == vlan)
			return true;
	return false;
}

/* A newer veth of the gone one's name has lost the rules of the older one, unless it is of the
 * same VLAN. */
static const struct network_link *user_by_rule(const struct evidence *evidence,
                                               const struct network_rule *rule)
{
	const struct network_link *link = network_link_named(&evidence->network, rule->in);
	if (!link || link->index == evidence->own || is_branch_device(link->name))
		return NULL;
	if (same(link->name, evidence->gone->interface) &&
	    !uses_table(evidence, link, branch_table_vlan(rule->table)))
		return NULL;
	return link;
}

/* The VPC CNI makes a strict pod's route into the table before the rules that lead there. */
static const struct network_link *strict_user(const struct evidence *evidence, unsigned vlan)
{
	const struct network_link *link = NULL;
	for (NETWORK_EACH(rule, item, &evidence->network)) {
		if (item->priority == RULE_OF_INTERFACE && branch_table_vlan(item->table) == vlan)
			link = user_by_rule(evidence, item);
		if (link)
			return link;
	}
	for (NETWORK_EACH(route, item, &evidence->network)) {
		if (item->is_unicast && branch_table_vlan(item->table) == vlan)
			link = living_veth(evidence, item->link);
		if (link)
			return link;
	}
	return NULL;
}

static bool is_of_others(const struct evidence *evidence, unsigned vlan,
                         const struct prefix *address)
{
	for (NETWORK_EACH(rule, item, &evidence->network))
		if (item->priority == RULE_FROM_ADDRESS && branch_table_vlan(item->table) == vlan &&
		    !prefix_equal(&item->source, address) && veth_to(evidence, &item->source, true))
			return true;
	return strict_user(evidence, vlan);
}

/* The VPC CNI makes a pod's device right behind its veth, and anew for each pod: of the devices
 * that are newer than the veth, the oldest is its own. own NULL: it may yet come. */
static bool is_rather_of(const struct network_link *veth, const struct network_link *device,
                         const struct network_link *own)
{
	if (device->index < veth->index)
		return false;
	return !own || own->index < veth->index || device->index < own->index;
}

/* A stale rule is none: its VLAN has no device, or one that somebody else uses or had. */
static bool has_other_table(const struct evidence *evidence, const struct network_rule *rule,
                            const struct network_link *veth)
{
	const struct network_link *own = evidence_device(evidence, branch_table_vlan(rule->table));
	for (NETWORK_EACH(rule, item, &evidence->network)) {
		unsigned vlan = branch_table_vlan(item->table);
		const struct network_link *device = evidence_device(evidence, vlan);
		if (item->priority == RULE_FROM_ADDRESS && item->table != rule->table &&
		    prefix_equal(&item->source, &rule->source) &&
		    (vlan == 0 || (device && is_rather_of(veth, device, own) &&
		                   !is_of_others(evidence, vlan, &rule->source))))
			return true;
	}
	return false;
}

/* Only standard pods have such a rule, and their routes are in table main. Who has the address with
 * another VLAN does not use this rule, but is led astray by it. */
static const struct network_link *user_by_address(const struct evidence *evidence,
                                                  const struct network_rule *rule)
{
	const struct network_link *veth = veth_to(evidence, &rule->source, true);
	if (!veth)
		return NULL;
	const struct attachment *other = other_at(evidence, veth);
	bool uses_rule = other && other->vlan != 0 ? other->vlan == branch_table_vlan(rule->table)
	                                           : !has_other_table(evidence, rule, veth);
	return uses_rule ? veth : NULL;
}

static const struct network_link *standard_user(const struct evidence *evidence, unsigned vlan)
{
	for (NETWORK_EACH(rule, item, &evidence->network)) {
		const struct network_link *link = NULL;
		if (item->priority == RULE_FROM_ADDRESS && branch_table_vlan(item->table) == vlan)
			link = user_by_address(evidence, item);
		if (link)
			return link;
	}
	return NULL;
}

/* Made here, so that no index is given twice: another one is another device. */
static bool is_newer_device(const struct evidence *evidence, const struct network_link *device)
{
	const struct attachment *gone = evidence->gone;
	return gone->device_index != 0 && gone->device_index != device->index;
}

static bool name_device(const struct evidence *evidence, const struct network_link *device,
                        char holder[static HOLDER_MAX])
{
	const struct attachment *others = evidence->others.items;
	for (size_t i = 0; i < evidence->others.count; i++)
		if (others[i].device_index == device->index)
			return name_sandbox(&others[i], holder);
	if (!is_newer_device(evidence, device))
		return false;
	(void)snprintf(holder, HOLDER_MAX, "a newer device %s, of index %u instead of %u",
	               device->name, device->index, evidence->gone->device_index);
	return true;
}

static bool vlan_held(const struct evidence *evidence, unsigned vlan,
                      char holder[static HOLDER_MAX])
{
	const struct claim claim = {.vlan = vlan};
	const struct attachment *newer = newer_holder(evidence, &claim);
	const struct network_link *device = evidence_device(evidence, vlan);
	const struct network_link *user;
	if (newer)
		return name_sandbox(newer, holder);
	if (device && name_device(evidence, device, holder))
		return true;
	user = strict_user(evidence, vlan);
	if (!user)
		user = standard_user(evidence, vlan);
	return user && name_link(evidence, user, holder);
}

/* What comes in by the device finds a standard pod in table main: this rule would send it back. */
static bool device_rule_held(const struct evidence *evidence, unsigned vlan,
                             char holder[static HOLDER_MAX])
{
	const struct claim claim = {.kind = STRICT_POD, .vlan = vlan};
	const struct attachment *newer = newer_holder(evidence, &claim);
	const struct network_link *user = strict_user(evidence, vlan);
	return newer ? name_sandbox(newer, holder) : user && name_link(evidence, user, holder);
}

bool evidence_address_held(const struct evidence *evidence, const struct prefix *address,
                           char holder[static HOLDER_MAX])
{
	const struct claim claim = {.address = address};
	const struct attachment *newer = newer_holder(evidence, &claim);
	const struct network_link *veth = veth_to(evidence, address, false);
	return newer ? name_sandbox(newer, holder) : veth && name_link(evidence, veth, holder);
}

static bool to_rule_held(const struct evidence *evidence, const struct network_rule *rule,
                         char holder[static HOLDER_MAX])
{
	const struct claim claim = {.kind = OTHER_POD, .address = &rule->destination};
	const struct attachment *newer = newer_holder(evidence, &claim);
	const struct network_link *veth = veth_to(evidence, &rule->destination, true);
	return newer ? name_sandbox(newer, holder) : veth && name_link(evidence, veth, holder);
}

/* Address and VLAN have to be of one owner. */
static bool from_rule_held(const struct evidence *evidence, const struct network_rule *rule,
                           char holder[static HOLDER_MAX])
{
	unsigned vlan = branch_table_vlan(rule->table);
	const struct claim claim = {.kind = OTHER_POD, .vlan = vlan, .address = &rule->source};
	const struct attachment *newer = newer_holder(evidence, &claim);
	const struct network_link *device = evidence_device(evidence, vlan);
	const struct network_link *user = user_by_address(evidence, rule);
	if (newer)
		return name_sandbox(newer, holder);
	if (!user || !device)
		return false;
	bool is_own = evidence->gone->device_index != 0 && !name_device(evidence, device, holder);
	return !is_own && name_link(evidence, user, holder);
}

bool evidence_doubts_device(const struct evidence *evidence, unsigned vlan)
{
	char holder[HOLDER_MAX];
	const struct network_link *device = evidence_device(evidence, vlan);
	return device && evidence->gone->device_index == 0 &&
	       !evidence_device_held(evidence, device, vlan, holder);
}

bool evidence_device_held(const struct evidence *evidence, const struct network_link *device,
                          unsigned vlan, char holder[static HOLDER_MAX])
{
	if (evidence->gone->device_index != 0)
		return name_device(evidence, device, holder);
	return vlan_held(evidence, vlan, holder);
}

bool evidence_rule_held(const struct evidence *evidence, const struct network_rule *rule,
                        char holder[static HOLDER_MAX])
{
	unsigned vlan = branch_table_vlan(rule->table);
	const struct network_link *user;
	switch (rule->priority) {
	case RULE_OF_INTERFACE:
		if (evidence_is_device(rule->in, vlan))
			return device_rule_held(evidence, vlan, holder);
		user = user_by_rule(evidence, rule);
		return user && name_link(evidence, user, holder);
	case RULE_TO_ADDRESS:
		return to_rule_held(evidence, rule, holder);
	default:
		return from_rule_held(evidence, rule, holder);
	}
}

bool evidence_route_held(const struct evidence *evidence, const struct network_route *route,
                         char holder[static HOLDER_MAX])
{
	const struct network_link *link = network_link_at(&evidence->network, route->link);
	if (link && link->index == evidence->own)
		return false;
	if (link && (route->table == MAIN_TABLE || living_veth(evidence, route->link)))
		return name_link(evidence, link, holder);
	return route->table != MAIN_TABLE &&
	       vlan_held(evidence, branch_table_vlan(route->table), holder);
}
