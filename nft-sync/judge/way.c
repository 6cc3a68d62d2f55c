/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/judge/way.h"

/* AWS_VPC_K8S_CNI_CONNMARK's default: IPv4 to the outside of the VPC, from interfaces "eni+". */
#define VPC_CNI_MARK 0x80U

static bool is_inside_vpc(const struct resolution *resolution, const struct prefix *address)
{
	for (size_t i = 0; i < resolution->vpc_cidr_count; i++)
		if (prefix_contains(&resolution->vpc_cidrs[i], address))
			return true;
	return false;
}

static uint32_t mark_of(const struct resolution *resolution, const struct branch *from,
                        const struct prefix *destination)
{
	if (from->mode != MODE_STANDARD || destination->family != AF_INET ||
	    resolution->vpc_cidr_count == 0 || is_inside_vpc(resolution, destination))
		return 0;
	return VPC_CNI_MARK;
}

int way_out(const struct resolution *resolution, const struct host *host, const struct branch *from,
            const struct prefix *source, const struct prefix *destination,
            char out[static INTERFACE_NAME_MAX], struct error *err)
{
	if (branch_is_strict_path(from)) {
		memcpy(out, branch_has_address(from, destination) ? from->interface : from->device,
		       INTERFACE_NAME_MAX);
		return 0;
	}
	return host_route(host, destination, source, from->interface,
	                  mark_of(resolution, from, destination), out, err);
}

bool way_is_from_node(const struct host *host, const struct prefix *source)
{
	for (size_t i = 0; i < host->address_count; i++)
		if (prefix_equal(&host->addresses[i].address, source))
			return true;
	return false;
}

/* A pod of this node without groups of its own: where its address is routed, it comes from. */
static bool is_from_neighbour(const struct resolution *resolution, const struct host *host,
                              const struct prefix *source, char in[static INTERFACE_NAME_MAX])
{
	return host_route(host, source, NULL, "", 0, in, NULL) == 0 && in[0] &&
	       strcmp(in, resolution->primary_interface) != 0;
}

const char *way_in(const struct resolution *resolution, const struct host *host,
                   const struct branch *to, const struct prefix *source, bool translated,
                   char room[static INTERFACE_NAME_MAX])
{
	const struct branch *peer = resolution_branch_at(resolution, source);
	if (branch_is_strict_path(to))
		return to->device;
	if (peer && !branch_is_strict_path(peer))
		return peer->interface;
	if (way_is_from_node(host, source))
		return "";
	if (is_from_neighbour(resolution, host, source, room))
		return room;
	return to->device[0] && !translated ? to->device : resolution->primary_interface;
}
