/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hooks/cni/cni_link.h"
#include "hooks/cni/cni_sight.h"

static int identify(const struct cni_call *call, struct attachment *attachment, struct error *err)
{
	*attachment = (struct attachment){.state = ATTACHMENT_ADDING};
	int r = attachment_check_name(call->sandbox, call->ifname, err);
	if (r < 0)
		return r;
	if (strlen(call->netns) >= sizeof(attachment->netns))
		return error_set(err, -ENAMETOOLONG, "CNI_NETNS is longer than %zu characters",
		                 sizeof(attachment->netns) - 1);
	(void)snprintf(attachment->sandbox, sizeof(attachment->sandbox), "%s", call->sandbox);
	(void)snprintf(attachment->ifname, sizeof(attachment->ifname), "%s", call->ifname);
	(void)snprintf(attachment->netns, sizeof(attachment->netns), "%s", call->netns);
	memcpy(attachment->namespace, call->namespace, sizeof(attachment->namespace));
	memcpy(attachment->pod, call->pod, sizeof(attachment->pod));
	memcpy(attachment->uid, call->uid, sizeof(attachment->uid));
	return boot_id_read(attachment->boot, err);
}

static void take_addresses(const struct cni_result *result, struct attachment *attachment)
{
	for (size_t i = 0; i < result->address_count; i++)
		if (attachment->address_count < ATTACHMENT_ADDRESSES_MAX &&
		    cni_address_is_of(result, &result->addresses[i], attachment->ifname))
			attachment->addresses[attachment->address_count++] =
				result->addresses[i].address;
}

static void take_vlan(const struct cni_result *result, struct attachment *attachment)
{
	uint16_t vlan = cni_result_vlan(result);
	if (!vlan)
		return;
	attachment->vlan = vlan;
	(void)snprintf(attachment->device, sizeof(attachment->device), "vlan.eth.%u", vlan);
}

/* The VPC CNI's own sign: the name of a strict pod's interface begins with "vlan". */
static enum mode mode_of(const struct attachment *attachment, enum mode otherwise)
{
	if (!attachment->vlan)
		return otherwise;
	return strncmp(attachment->interface, "vlan", 4) == 0 ? MODE_STRICT : MODE_STANDARD;
}

static bool may_be_outer_end(const struct cni_interface *interface)
{
	return !interface->inside && !cni_interface_is_marker(interface) && interface->name[0] &&
	       strlen(interface->name) < IF_NAMESIZE;
}

/*
 * By what the plugins say: the first of the host's interfaces that is a veth, or that is gone and
 * may have been one. The bridge plugin names its bridge first.
 */
static int find_by_result(struct netlink *netlink, const struct cni_result *result,
                          struct cni_link *ret)
{
	for (size_t i = 0; i < result->interface_count; i++) {
		const struct cni_interface *interface = &result->interfaces[i];
		struct cni_link link = {0};
		if (!may_be_outer_end(interface))
			continue;
		int r = cni_link_named(netlink, interface->name, &link);
		if (r < 0 && r != -ENODEV)
			return r;
		if (r == 0 && strcmp(link.kind, "veth") != 0)
			continue;
		memcpy(link.name, interface->name, strlen(interface->name) + 1);
		*ret = link;
		return 0;
	}
	return -ENODEV;
}

/* The kernel knows better which of several is the one, where it can be asked. */
static int find_interface(struct netlink *netlink, const struct cni_call *call,
                          const struct cni_result *result, struct cni_sight *sight)
{
	struct cni_link link;
	struct cni_link bridge;
	int r = cni_link_into(netlink, call->netns, call->ifname, &link, NULL);
	if (r < 0)
		r = find_by_result(netlink, result, &link);
	if (r < 0)
		return r == -ENODEV ? 0 : r;
	memcpy(sight->attachment.interface, link.name, sizeof(sight->attachment.interface));
	sight->attachment.interface_index = link.index;
	if (link.bridge && cni_link_numbered(netlink, link.bridge, &bridge) == 0)
		memcpy(sight->bridge, bridge.name, sizeof(sight->bridge));
	return 0;
}

static int find_device(struct netlink *netlink, struct attachment *attachment)
{
	struct cni_link link;
	if (!attachment->vlan)
		return 0;
	int r = cni_link_named(netlink, attachment->device, &link);
	if (r == 0)
		attachment->device_index = link.index;
	return r == -ENODEV ? 0 : r;
}

int cni_sight_see(const struct cni_call *call, const struct config *config,
                  const struct cni_result *result, struct cni_sight *ret, struct error *err)
{
	struct netlink netlink;
	struct cni_sight sight = {0};
	int r = identify(call, &sight.attachment, err);
	if (r < 0)
		return r;
	take_addresses(result, &sight.attachment);
	take_vlan(result, &sight.attachment);
	r = netlink_open(&netlink, NETLINK_ROUTE, err);
	if (r < 0)
		return r;
	r = find_interface(&netlink, call, result, &sight);
	if (r == 0)
		r = find_device(&netlink, &sight.attachment);
	netlink_close(&netlink);
	if (r < 0)
		return error_set(err, r, "the kernel does not show its links: %s", strerror(-r));
	sight.attachment.mode = mode_of(&sight.attachment, config->enforcing_mode);
	*ret = sight;
	return 0;
}

int cni_sight_recall(const struct cni_call *call, const struct cni_result *result,
                     struct attachment *ret, struct error *err)
{
	struct attachment attachment;
	int r = identify(call, &attachment, err);
	if (r < 0)
		return r;
	for (size_t i = 0; result && i < result->interface_count && !attachment.interface[0]; i++)
		if (may_be_outer_end(&result->interfaces[i]))
			memcpy(attachment.interface, result->interfaces[i].name,
			       strlen(result->interfaces[i].name) + 1);
	if (result) {
		take_addresses(result, &attachment);
		take_vlan(result, &attachment);
	}
	attachment.mode = mode_of(&attachment, MODE_STANDARD);
	*ret = attachment;
	return 0;
}
