/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RESOLUTION_H
#define PODSG_RESOLUTION_H

/*
 * What the documents mean for this node: its branch interfaces with their groups and modes, the
 * node's own groups, the members of every group that a rule in use refers to. Made anew as a whole
 * from the model and the facts of the host; immutable, but that the renderer says what it could not
 * draw. The renderer, explain, the control socket and branches.json read it.
 */

#include "common/arena.h"
#include "common/config.h"
#include "common/journal.h"
#include "common/objects.h"

#define INTERFACE_NAME_MAX 16 /* IFNAMSIZ */

enum groups_origin {
	GROUPS_FROM_POLICIES,
	GROUPS_FROM_ENI,  /* the pod's ENI is listed among the NetworkInterfaces */
	GROUPS_FROM_NODE, /* annotated, no policy, ENI not listed */
};

enum branch_state {
	BRANCH_OPEN,    /* judged by its groups */
	BRANCH_CLOSED,  /* none of its groups is known: only exempt traffic */
	BRANCH_CLAIMED, /* a newer pod has its address or interface: nothing passes */
};

/* The sandbox whose interface it is, as the journal says; sandbox "" = nobody has said. */
struct branch_sandbox {
	char sandbox[JOURNAL_SANDBOX_MAX + 1];
	char ifname[INTERFACE_NAME_MAX]; /* in the pod */
	enum attachment_state state;
	int64_t created; /* milliseconds since 1970 */
};

struct branch {
	char interface[INTERFACE_NAME_MAX]; /* host veth */
	char device[INTERFACE_NAME_MAX];    /* "vlan.eth.3", or "" = none */
	const char *namespace;
	const char *pod;
	const char *uid;
	enum mode mode;
	enum branch_state state;
	enum groups_origin origin;
	bool source_dest_check;
	bool orphan;  /* gone from the documents, its veth is still there */
	bool present; /* its host veth exists */
	int64_t created;
	struct prefix addresses[POD_ADDRESSES_MAX];
	size_t address_count;
	const char **groups; /* ids, first-occurrence order; unknown ones too */
	size_t group_count;
	bool too_many_rules[DIRECTIONS]; /* set by the renderer: closed in that direction */
	struct branch_sandbox sandbox;
	/* What the next resolution knows its interface by, whatever that is called then. */
	unsigned index;                      /* 0 = it is not there, or nobody has looked */
	char first_name[INTERFACE_NAME_MAX]; /* as in host.h; interface, while it is not there */
};

/* A group that a rule in use refers to, and who belongs to it. */
struct member_set {
	const char *group;
	struct prefix
		*prefixes; /* sorted by prefix_compare(), unique; whole addresses and /28, /80 */
	size_t count;
	uint64_t generation; /* same group, same generation: same content */
};

/* A sandbox that podsg-cni let pass without an answer, whose pod is not known. */
struct unfiltered {
	const char *namespace;
	const char *pod;
	const char *uid;
	const char *interface;
};

/* A server of the cluster's DNS, as a packet is addressed behind kube-proxy's DNAT. */
struct dns_server {
	struct prefix address;
	uint16_t udp_port;
	uint16_t tcp_port;
};

struct resolution {
	struct arena *arena;
	const struct config *config;
	uint64_t documents_generation; /* of the model that it was made from */
	struct branch *branches;       /* by interface */
	size_t branch_count;
	struct member_set *members; /* by group id */
	size_t member_count;
	const char *primary_interface; /* "" = unknown */
	const char **node_groups;      /* ids; none = unknown: standardNodeGroups is skipped */
	size_t node_group_count;
	bool node_too_many_rules[DIRECTIONS]; /* set by the renderer: they permit nothing */
	struct prefix *node_addresses;
	size_t node_address_count;
	struct prefix *vpc_cidrs; /* configured, else the instance's; none = unknown */
	size_t vpc_cidr_count;
	struct dns_server *dns_servers; /* sorted by address; none = unknown */
	size_t dns_server_count;
	struct unfiltered *unfiltered;
	size_t unfiltered_count;
	const char **problems; /* sentences for the status: missing groups, differing groups, … */
	size_t problem_count;
};

const struct branch *resolution_branch(const struct resolution *resolution, const char *interface);
const struct branch *resolution_branch_at(const struct resolution *resolution,
                                          const struct prefix *address);
const struct branch *resolution_branch_of_sandbox(const struct resolution *resolution,
                                                  const char *sandbox, const char *ifname);
const struct branch *resolution_branch_of_pod(const struct resolution *resolution,
                                              const char *namespace, const char *pod,
                                              const char *uid);
const struct member_set *resolution_members(const struct resolution *resolution, const char *group);
bool member_set_contains(const struct member_set *members, const struct prefix *address);
bool branch_has_address(const struct branch *branch, const struct prefix *address);

/* A strict interface with a branch device may exchange packets with that device only. */
bool branch_is_strict_path(const struct branch *branch);

#endif
