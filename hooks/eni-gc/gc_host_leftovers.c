/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/eni-gc/gc_host_judge.h"
#include "hooks/eni-gc/gc_host_leftovers.h"

struct search {
	const struct gc_sight *sight;
	const struct gc_evidence *evidence;
	struct vector *found;
};

/* 0: it is not the branch device of a VLAN. */
static unsigned device_vlan(const char *name)
{
	char expected[16];
	if (strncmp(name, BRANCH_DEVICE_PREFIX, strlen(BRANCH_DEVICE_PREFIX)) != 0)
		return 0;
	unsigned long vlan = strtoul(name + strlen(BRANCH_DEVICE_PREFIX), NULL, 10);
	if (vlan < 1 || vlan > BRANCH_VLAN_MAX)
		return 0;
	(void)snprintf(expected, sizeof(expected), BRANCH_DEVICE_PREFIX "%lu", vlan);
	return strcmp(name, expected) == 0 ? (unsigned)vlan : 0;
}

/* The other end of a way through a branch device: a pod's veth, as far as we know. */
static const struct network_link *pod_link(const struct network_link *link)
{
	return link && device_vlan(link->name) == 0 ? link : NULL;
}

/* Where packets for the address go; NULL: nowhere, or back out of the node. */
static const struct network_link *holder_of(const struct gc_sight *sight,
                                            const struct prefix *address)
{
	for (NETWORK_EACH(route, item, &sight->kernel)) {
		const struct network_link *link =
			prefix_equal(&item->destination, address)
				? pod_link(network_link_at(&sight->kernel, item->link))
				: NULL;
		if (link)
			return link;
	}
	return NULL;
}

/* The VLAN whose table leads to the link; 0: none. */
static unsigned routed_vlan(const struct gc_sight *sight, unsigned link, unsigned preferred)
{
	unsigned vlan = 0;
	for (NETWORK_EACH(route, item, &sight->kernel)) {
		if (item->link != link || branch_table_vlan(item->table) == 0)
			continue;
		vlan = branch_table_vlan(item->table);
		if (vlan == preferred)
			return vlan;
	}
	return vlan;
}

/* What the journal says that the link's pod has; 0: nothing. */
static unsigned recorded_vlan(const struct gc_sight *sight, unsigned link)
{
	const struct gc_attachment *items = sight->attachments.items;
	for (size_t i = 0; i < sight->attachments.count; i++)
		if (items[i].judgement.verdict != GC_GONE &&
		    items[i].attachment.interface_index == link)
			return items[i].attachment.vlan;
	return 0;
}

static const struct network_link *device_of(const struct gc_sight *sight, unsigned vlan)
{
	char name[32];
	(void)snprintf(name, sizeof(name), BRANCH_DEVICE_PREFIX "%u", vlan);
	return network_link_named(&sight->kernel, name);
}

/* The device of the VLAN that the rule sends what comes from the link's address to; or NULL. */
static const struct network_link *device_behind(const struct gc_sight *sight,
                                                const struct network_rule *rule,
                                                const struct network_link *link)
{
	unsigned vlan = branch_table_vlan(rule->table);
	return rule->priority == RULE_FROM_ADDRESS && vlan != 0 &&
	                       holder_of(sight, &rule->source) == link
	               ? device_of(sight, vlan)
	               : NULL;
}

/*
 * The VLAN that the link's address is sent out by; 0: none, or nobody can tell which. Of several
 * all but one are of pods that had the address before: the VPC CNI makes a pod's device right
 * behind its veth, and anew for each pod.
 */
static unsigned addressed_vlan(const struct gc_sight *sight, const struct network_link *link)
{
	const struct network_link *behind = NULL; /* the first device that is newer than the link */
	const struct network_link *before = NULL;
	bool many = false; /* of those before */
	for (NETWORK_EACH(rule, item, &sight->kernel)) {
		const struct network_link *device = device_behind(sight, item, link);
		if (!device)
			continue;
		if (device->index < link->index) {
			many = many || (before && before != device);
			before = device;
		} else if (!behind || device->index < behind->index) {
			behind = device;
		}
	}
	if (behind)
		return device_vlan(behind->name);
	return before && !many ? device_vlan(before->name) : 0;
}

/* The one VLAN that the link's pod has, if that is known; else the one that is asked for. */
static unsigned vlan_of_link(const struct gc_sight *sight, const struct network_link *link,
                             unsigned asked)
{
	unsigned vlan = recorded_vlan(sight, link->index);
	if (vlan == 0)
		vlan = routed_vlan(sight, link->index, asked);
	if (vlan == 0)
		vlan = addressed_vlan(sight, link);
	return vlan != 0 ? vlan : asked;
}

/* Whose device it is, whether that lives or not. */
static bool is_recorded(const struct gc_sight *sight, const struct network_link *device,
                        unsigned vlan)
{
	const struct gc_attachment *items = sight->attachments.items;
	for (size_t i = 0; i < sight->attachments.count; i++) {
		const struct attachment *attachment = &items[i].attachment;
		if (attachment->vlan == vlan && gc_of_this_boot(sight, attachment) &&
		    (attachment->device_index == 0 || attachment->device_index == device->index))
			return true;
	}
	return false;
}

static bool has_address(const struct attachment *attachment, const struct prefix *address)
{
	for (size_t i = 0; i < attachment->address_count; i++)
		if (prefix_equal(&attachment->addresses[i], address))
			return true;
	return false;
}

/* The clean-up of one that is gone takes it, unless somebody holds it. */
static bool is_explained(const struct gc_sight *sight, const struct network_rule *rule,
                         unsigned vlan)
{
	const struct gc_attachment *items = sight->attachments.items;
	for (size_t i = 0; i < sight->attachments.count; i++) {
		const struct attachment *attachment = &items[i].attachment;
		if (items[i].judgement.verdict == GC_GONE && attachment->vlan == vlan &&
		    gc_of_this_boot(sight, attachment) &&
		    (rule->priority == RULE_OF_INTERFACE || has_address(attachment, &rule->source)))
			return true;
	}
	return false;
}

/* Of a standard pod; a strict one has no rule of its address. */
static bool is_address_recorded(const struct gc_sight *sight, const struct prefix *address,
                                unsigned vlan)
{
	const struct gc_attachment *items = sight->attachments.items;
	for (size_t i = 0; i < sight->attachments.count; i++)
		if (items[i].judgement.verdict != GC_GONE && items[i].attachment.vlan == vlan &&
		    items[i].attachment.mode != MODE_STRICT &&
		    has_address(&items[i].attachment, address))
			return true;
	return false;
}

/* Routes to standard pods are in table main, and are there before the rules. */
static bool is_routed_by_main(const struct gc_sight *sight, const struct prefix *address)
{
	for (NETWORK_EACH(route, item, &sight->kernel)) {
		if (item->table == MAIN_TABLE && prefix_equal(&item->destination, address) &&
		    pod_link(network_link_at(&sight->kernel, item->link)))
			return true;
	}
	return false;
}

/* A pod of strict mode that has the VLAN; NULL: none. */
static const struct network_link *strict_user(const struct gc_sight *sight, unsigned vlan)
{
	for (NETWORK_EACH(route, item, &sight->kernel)) {
		const struct network_link *link =
			branch_table_vlan(item->table) == vlan
				? pod_link(network_link_at(&sight->kernel, item->link))
				: NULL;
		if (link)
			return link;
	}
	for (NETWORK_EACH(rule, item, &sight->kernel)) {
		const struct network_link *link =
			item->priority == RULE_OF_INTERFACE &&
					branch_table_vlan(item->table) == vlan
				? pod_link(network_link_named(&sight->kernel, item->in))
				: NULL;
		if (link && vlan_of_link(sight, link, vlan) == vlan)
			return link;
	}
	return NULL;
}

/* Likewise, of standard mode. */
static const struct network_link *standard_user(const struct gc_sight *sight, unsigned vlan)
{
	for (NETWORK_EACH(rule, item, &sight->kernel)) {
		const struct network_link *link =
			item->priority == RULE_FROM_ADDRESS &&
					branch_table_vlan(item->table) == vlan
				? holder_of(sight, &item->source)
				: NULL;
		if (link && vlan_of_link(sight, link, vlan) == vlan)
			return link;
	}
	return NULL;
}

static void judge_device(const struct search *search, unsigned vlan, struct gc_judgement *ret)
{
	const struct network_link *strict = strict_user(search->sight, vlan);
	const struct network_link *standard = standard_user(search->sight, vlan);
	const struct gc_pod *pod = gc_pods_find(&search->evidence->pods, vlan);
	if (strict)
		gc_judge(ret, GC_LIVES, "%s uses its table", strict->name);
	else if (standard)
		gc_judge(ret, GC_LIVES, "what comes from %s uses its table", standard->name);
	else if (pod)
		gc_judge(ret, GC_DOUBTFUL,
		         "nothing leads to it, but the API server says that %s has VLAN %u",
		         pod->name, vlan);
	else
		gc_judge(ret, GC_GONE, "no living pod's route or rule leads to it");
}

static int push(const struct search *search, const struct gc_leftover *leftover)
{
	struct gc_leftover *added = vector_push(search->found);
	if (!added)
		return -ENOMEM;
	*added = *leftover;
	return 0;
}

static int look_at_link(const struct search *search, const struct network_link *link)
{
	struct gc_leftover leftover = {
		.thing = GC_DEVICE, .vlan = device_vlan(link->name), .index = link->index};
	if (leftover.vlan == 0 || is_recorded(search->sight, link, leftover.vlan))
		return 0;
	memcpy(leftover.name, link->name, sizeof(leftover.name));
	(void)snprintf(leftover.text, sizeof(leftover.text), "link %s", link->name);
	judge_device(search, leftover.vlan, &leftover.judgement);
	return push(search, &leftover);
}

/* What comes in by its device finds a standard pod in table main: an older strict pod's rule would
 * send it back where it came from. */
static bool turns_packets_back(const struct gc_sight *sight, const struct network_rule *rule,
                               unsigned vlan)
{
	return device_vlan(rule->in) == vlan && !strict_user(sight, vlan) &&
	       standard_user(sight, vlan);
}

static int look_at_interface_rule(const struct search *search, const struct network_rule *rule,
                                  unsigned vlan)
{
	const struct gc_sight *sight = search->sight;
	struct gc_leftover leftover = {.thing = GC_INTERFACE_RULE, .vlan = vlan};
	const struct network_link *link = network_link_named(&sight->kernel, rule->in);
	const struct network_link *pod = pod_link(link);
	unsigned owner = pod ? vlan_of_link(sight, pod, vlan) : vlan;
	memcpy(leftover.name, rule->in, sizeof(leftover.name));
	(void)network_rule_text(rule, leftover.text);
	if (!link && rule->in[0])
		gc_judge(&leftover.judgement, GC_GONE, "there is no interface %s", rule->in);
	else if (owner != vlan)
		gc_judge(&leftover.judgement, GC_GONE, "%s has VLAN %u now", rule->in, owner);
	else if (link && turns_packets_back(sight, rule, vlan))
		gc_judge(&leftover.judgement, GC_GONE, "%s is a standard pod's now", rule->in);
	else
		return 0;
	return push(search, &leftover);
}

static int look_at_from_rule(const struct search *search, const struct network_rule *rule,
                             unsigned vlan)
{
	const struct gc_sight *sight = search->sight;
	struct gc_leftover leftover = {
		.thing = GC_FROM_RULE, .vlan = vlan, .address = rule->source};
	const struct network_link *holder = holder_of(sight, &rule->source);
	unsigned owner = holder ? vlan_of_link(sight, holder, vlan) : 0;
	if (is_address_recorded(sight, &rule->source, vlan))
		return 0;
	(void)network_rule_text(rule, leftover.text);
	if (!holder)
		gc_judge(&leftover.judgement, GC_GONE, "no interface has a route to the address");
	else if (!device_of(sight, vlan))
		gc_judge(&leftover.judgement, GC_GONE, "there is no " BRANCH_DEVICE_PREFIX "%u",
		         vlan);
	else if (owner != vlan)
		gc_judge(&leftover.judgement, GC_GONE, "the address is %s's, which has VLAN %u",
		         holder->name, owner);
	else if (!is_routed_by_main(sight, &rule->source))
		gc_judge(&leftover.judgement, GC_GONE, "the address is a strict pod's now, %s",
		         holder->name);
	else
		return 0;
	return push(search, &leftover);
}

static bool has_from_rule(const struct gc_sight *sight, const struct prefix *address)
{
	for (NETWORK_EACH(rule, item, &sight->kernel)) {
		if (item->priority == RULE_FROM_ADDRESS && branch_table_vlan(item->table) != 0 &&
		    prefix_equal(&item->source, address))
			return true;
	}
	return false;
}

/* Goes with the address's rule at 1536, if that is a branch's. Alone it may be of an ordinary pod,
 * and it does no harm: main is where the address is looked for anyway. */
static int look_at_to_rule(const struct search *search, const struct network_rule *rule)
{
	struct gc_leftover leftover = {.thing = GC_TO_RULE, .address = rule->destination};
	if (rule->table != MAIN_TABLE || !prefix_is_address(&rule->destination) ||
	    holder_of(search->sight, &rule->destination) ||
	    has_from_rule(search->sight, &rule->destination))
		return 0;
	(void)network_rule_text(rule, leftover.text);
	gc_judge(&leftover.judgement, GC_DOUBTFUL,
	         "no interface has a route to the address, but nothing tells that it was a branch "
	         "interface's: left to the CNI");
	return push(search, &leftover);
}

static int look_at_rule(const struct search *search, const struct network_rule *rule)
{
	unsigned vlan = branch_table_vlan(rule->table);
	if (rule->priority == RULE_TO_ADDRESS)
		return look_at_to_rule(search, rule);
	if (vlan == 0 || is_explained(search->sight, rule, vlan))
		return 0;
	if (rule->priority == RULE_OF_INTERFACE)
		return look_at_interface_rule(search, rule, vlan);
	return prefix_is_address(&rule->source) ? look_at_from_rule(search, rule, vlan) : 0;
}

static int compare(const void *a, const void *b)
{
	const struct gc_leftover *left = a;
	const struct gc_leftover *right = b;
	if (left->vlan != right->vlan)
		return left->vlan < right->vlan ? -1 : 1;
	if (left->thing != right->thing)
		return left->thing < right->thing ? -1 : 1;
	return strcmp(left->text, right->text);
}

int gc_leftovers_find(const struct gc_sight *sight, const struct gc_evidence *evidence,
                      struct vector *ret, struct error *err)
{
	const struct search search = {.sight = sight, .evidence = evidence, .found = ret};
	int r = 0;
	ret->item_size = sizeof(struct gc_leftover);
	for (NETWORK_EACH(link, item, &sight->kernel)) {
		if (r == 0)
			r = look_at_link(&search, item);
	}
	for (NETWORK_EACH(rule, item, &sight->kernel)) {
		if (r == 0)
			r = look_at_rule(&search, item);
	}
	if (r < 0)
		return error_set(err, r, "out of memory");
	if (ret->count > 1)
		qsort(ret->items, ret->count, sizeof(struct gc_leftover), compare);
	return 0;
}

static bool was_gone(const struct vector *earlier, const struct gc_leftover *leftover)
{
	const struct gc_leftover *items = earlier->items;
	for (size_t i = 0; i < earlier->count; i++)
		if (compare(&items[i], leftover) == 0)
			return items[i].index == leftover->index &&
			       items[i].judgement.verdict == GC_GONE;
	return false;
}

void gc_leftovers_confirm(const struct vector *earlier, struct vector *later)
{
	struct gc_leftover *items = later->items;
	for (size_t i = 0; i < later->count; i++)
		if (items[i].judgement.verdict == GC_GONE && !was_gone(earlier, &items[i]))
			gc_judge(&items[i].judgement, GC_DOUBTFUL, "it has changed meanwhile");
}

/* Returns whether there was room. */
static bool add_to(struct attachment *attachment, const struct gc_leftover *leftover)
{
	switch (leftover->thing) {
	case GC_DEVICE:
		attachment->device_index = leftover->index;
		return true;
	case GC_INTERFACE_RULE:
		if (attachment->interface[0] && strcmp(attachment->interface, leftover->name) != 0)
			return false;
		memcpy(attachment->interface, leftover->name, sizeof(leftover->name));
		return true;
	case GC_FROM_RULE:
		if (attachment->address_count == ATTACHMENT_ADDRESSES_MAX)
			return false;
		attachment->addresses[attachment->address_count++] = leftover->address;
		return true;
	case GC_TO_RULE:
		break;
	}
	return true;
}

/* Where the device is not among it, an index that no link has keeps clean_up()'s hands off it. */
bool gc_leftovers_gather(const struct vector *leftovers, unsigned vlan, size_t *at,
                         const char *boot, struct attachment *ret)
{
	const struct gc_leftover *items = leftovers->items;
	bool any = false;
	*ret = (struct attachment){
		.vlan = vlan, .device_index = GC_NO_DEVICE, .state = ATTACHMENT_GONE};
	(void)snprintf(ret->boot, sizeof(ret->boot), "%s", boot);
	(void)snprintf(ret->device, sizeof(ret->device), BRANCH_DEVICE_PREFIX "%u", vlan);
	for (; *at < leftovers->count; (*at)++) {
		if (items[*at].vlan != vlan || items[*at].judgement.verdict != GC_GONE)
			continue;
		if (!add_to(ret, &items[*at]))
			break;
		any = true;
	}
	return any;
}
