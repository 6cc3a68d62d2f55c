/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clean_up_evidence.h"
#include "common/conntrack_forget.h"
#include "common/interface_hash.h"

static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

bool evidence_has_address(const struct attachment *attachment, const struct prefix *address)
{
	for (size_t i = 0; i < attachment->address_count; i++)
		if (prefix_equal(&attachment->addresses[i], address))
			return true;
	return false;
}

bool evidence_is_interface_of(const struct attachment *attachment, const struct network_link *link)
{
	return attachment->interface_index == link->index &&
	       same(attachment->interface, link->name);
}

bool evidence_is_device(const char *name, unsigned vlan)
{
	char device[16];
	(void)snprintf(device, sizeof(device), BRANCH_DEVICE_PREFIX "%u", vlan);
	return same(name, device);
}

const struct network_link *evidence_device(const struct evidence *evidence, unsigned vlan)
{
	for (NETWORK_EACH(link, item, &evidence->network))
		if (evidence_is_device(item->name, vlan))
			return item;
	return NULL;
}

bool evidence_concerns_rule(const struct evidence *evidence, const struct network_rule *rule)
{
	bool is_ours = evidence->is_ours[branch_table_vlan(rule->table)];
	bool from_all = rule->source.length == 0;
	bool to_all = rule->destination.length == 0;
	switch (rule->priority) {
	case RULE_OF_INTERFACE:
		return is_ours && rule->in[0] && from_all && to_all;
	case RULE_TO_ADDRESS:
		return rule->table == MAIN_TABLE && !rule->in[0] && from_all &&
		       evidence_has_address(evidence->gone, &rule->destination);
	default:
		return is_ours && !rule->in[0] && to_all &&
		       evidence_has_address(evidence->gone, &rule->source);
	}
}

bool evidence_concerns_route(const struct evidence *evidence, const struct network_route *route)
{
	if (route->table == MAIN_TABLE)
		return route->link != 0 &&
		       evidence_has_address(evidence->gone, &route->destination);
	return evidence->is_ours[branch_table_vlan(route->table)];
}

static int keep_other(void *context, const struct attachment *attachment)
{
	struct evidence *evidence = context;
	const struct attachment *gone = evidence->gone;
	if (attachment->state == ATTACHMENT_GONE ||
	    (same(attachment->sandbox, gone->sandbox) && same(attachment->ifname, gone->ifname)))
		return 0;
	struct attachment *item = vector_push(&evidence->others);
	if (!item)
		return -ENOMEM;
	*item = *attachment;
	return 0;
}

/* An attachment of an older boot has nothing in this kernel. */
static void drop_older_boots(struct vector *others, const char *boot)
{
	struct attachment *items = others->items;
	size_t count = 0;
	for (size_t i = 0; i < others->count; i++)
		if (!items[i].boot[0] || same(items[i].boot, boot))
			items[count++] = items[i];
	others->count = count;
}

static bool named_by_other(const struct evidence *evidence, const struct network_link *link)
{
	const struct attachment *others = evidence->others.items;
	for (size_t i = 0; i < evidence->others.count; i++)
		if (evidence_is_interface_of(&others[i], link) ||
		    (others[i].interface_index == 0 && same(others[i].interface, link->name)))
			return true;
	return false;
}

/* By the name that the VPC CNI gives, whatever its prefix is, where nobody has written it down. */
static bool is_named_after(const struct attachment *pod, const char *interface)
{
	char hash[INTERFACE_HASH_SIZE];
	size_t length = strlen(interface);
	if (!pod->namespace[0] || !pod->pod[0] || length < sizeof(hash))
		return false;
	interface_hash(pod->namespace, pod->pod, hash);
	return same(interface + length - strlen(hash), hash);
}

static const struct network_link *find_link(const struct evidence *evidence)
{
	const struct attachment *gone = evidence->gone;
	if (gone->interface[0])
		return network_link_named(&evidence->network, gone->interface);
	for (NETWORK_EACH(link, item, &evidence->network))
		if (is_named_after(gone, item->name))
			return item;
	return NULL;
}

/* An index that nobody wrote down: a sandbox whose netns is gone has no veth any more. */
static unsigned find_own(const struct evidence *evidence)
{
	const struct attachment *gone = evidence->gone;
	const struct network_link *link = find_link(evidence);
	if (!link || named_by_other(evidence, link))
		return 0;
	if (gone->interface_index != 0)
		return gone->interface_index == link->index ? link->index : 0;
	return gone->netns[0] && access(gone->netns, F_OK) == 0 ? link->index : 0;
}

/* Later looks must not take the veth of somebody newer for it. */
static void learn_from_own(const struct evidence *evidence, struct attachment *gone)
{
	const struct network_link *link = network_link_at(&evidence->network, evidence->own);
	bool wants_addresses = gone->address_count == 0;
	if (!link)
		return;
	memcpy(gone->interface, link->name, sizeof(gone->interface));
	gone->interface_index = link->index;
	for (NETWORK_EACH(route, item, &evidence->network))
		if (wants_addresses && item->link == link->index && item->is_unicast &&
		    prefix_is_address(&item->destination) &&
		    gone->address_count < ATTACHMENT_ADDRESSES_MAX)
			gone->addresses[gone->address_count++] = item->destination;
}

static bool is_interface_of(const struct attachment *gone, const char *name)
{
	return gone->interface[0] ? same(name, gone->interface) : is_named_after(gone, name);
}

static bool tells_vlan(const struct evidence *evidence, const struct network_rule *rule)
{
	const struct attachment *gone = evidence->gone;
	char holder[HOLDER_MAX];
	const struct network_link *link;
	switch (rule->priority) {
	case RULE_OF_INTERFACE:
		link = network_link_named(&evidence->network, rule->in);
		return is_interface_of(gone, rule->in) && (!link || link->index == evidence->own);
	case RULE_FROM_ADDRESS:
		return evidence_has_address(gone, &rule->source) &&
		       !evidence_address_held(evidence, &rule->source, holder);
	default:
		return false;
	}
}

static void find_vlans(struct evidence *evidence)
{
	unsigned vlan = evidence->gone->vlan;
	if (vlan > 0 && vlan <= BRANCH_VLAN_MAX)
		evidence->is_ours[vlan] = true;
	if (vlan > 0)
		return;
	for (NETWORK_EACH(rule, item, &evidence->network)) {
		vlan = branch_table_vlan(item->table);
		if (vlan != 0 && tells_vlan(evidence, item))
			evidence->is_ours[vlan] = true;
	}
}

/* A pod without a branch interface, of which all is known that matters. */
static bool is_plain(const struct attachment *gone)
{
	return gone->vlan == 0 && !gone->device[0] && gone->interface[0] &&
	       gone->interface_index != 0 && gone->address_count > 0 && gone->created > 0;
}

/* An older attachment may have the better right to an interface of that index, since a slow ADD may
 * have seen the next sandbox's. Not to one that leads into this sandbox. */
static bool leads_inside(struct netlink *netlink, const struct attachment *gone,
                         const struct network_link *link)
{
	int number = -1;
	int fd = gone->netns[0] ? open(gone->netns, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd < 0)
		return false;
	int r = network_namespace_number(netlink, fd, &number);
	close(fd);
	return r == 0 && number >= 0 && link->is_veth && link->peer_namespace == number;
}

/* Whether it is plain after all, and nobody else's interface has a part in it: then nothing is to
 * be judged by what older attachments and other links, routes and devices say. */
static bool is_alone(struct netlink *netlink, const struct attachment *gone,
                     const struct network_state *network)
{
	const struct network_link *link = network_link_named(network, gone->interface);
	if (link && link->index == gone->interface_index && !leads_inside(netlink, gone, link))
		return false;
	for (NETWORK_EACH(rule, item, network))
		if (branch_table_vlan(item->table) != 0 &&
		    (same(item->in, gone->interface) || evidence_has_address(gone, &item->source)))
			return false;
	for (NETWORK_EACH(route, item, network))
		if (item->link != gone->interface_index)
			return false;
	return true;
}

/* A look at all of a node with many pods takes longer than everything else that DEL does. */
static int read_network(struct netlink *netlink, struct evidence *evidence, struct error *err)
{
	const struct attachment *gone = evidence->gone;
	const struct network_scope scope = {.addresses = gone->addresses,
	                                    .address_count = gone->address_count,
	                                    .link = gone->interface,
	                                    .main_only = !evidence->tracks};
	if (is_plain(gone)) {
		int r = network_state_read_about(netlink, &scope, &evidence->network, err);
		evidence->is_narrow = r == 0 && is_alone(netlink, gone, &evidence->network);
		if (r < 0 || evidence->is_narrow)
			return r;
		network_state_done(&evidence->network);
	}
	return network_state_read(netlink, &evidence->network, err);
}

int evidence_read(struct netlink *netlink, const char *journal, const char *boot,
                  struct attachment *gone, struct evidence *ret, struct error *err)
{
	struct evidence evidence = {.gone = gone,
	                            .tracks = conntrack_tracks_anything(),
	                            .others = {.item_size = sizeof(struct attachment)}};
	const struct journal_visitor visitor = {.attachment = keep_other, .context = &evidence};
	int r = read_network(netlink, &evidence, err);
	if (r < 0)
		return r;
	if (journal)
		r = journal_walk_newer(journal, evidence.is_narrow ? gone->created : 0, &visitor,
		                       &evidence.journal);
	if (r == -ENOMEM) {
		evidence_done(&evidence);
		return error_set(err, r, "out of memory");
	}
	drop_older_boots(&evidence.others, boot);
	evidence.own = find_own(&evidence);
	learn_from_own(&evidence, gone);
	find_vlans(&evidence);
	*ret = evidence;
	return 0;
}

void evidence_done(struct evidence *evidence)
{
	network_state_done(&evidence->network);
	vector_done(&evidence->others);
}
