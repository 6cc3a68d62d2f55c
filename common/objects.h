/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_OBJECTS_H
#define PODSG_OBJECTS_H

/*
 * The objects that documents hold: EC2's and Kubernetes's own, reduced to what podsg reads. They
 * are plain data in the arena of their document, immutable once loaded; strings are never NULL
 * where nothing else is said ("" = absent). A live source makes the same objects.
 */

#include "common/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum direction { DIRECTION_INGRESS, DIRECTION_EGRESS };
#define DIRECTIONS 2

#define PROTOCOL_ALL (-1)
#define GROUP_RULES_MAX 2000 /* a direction; EC2 allows at most 1000 on an interface */

enum rule_peer {
	RULE_PEER_PREFIX,
	RULE_PEER_PREFIX_LIST,
	RULE_PEER_GROUP,
};

/*
 * One IpPermission and one of its sources (or destinations). EC2 matches
 * (reference: API_IpPermission):
 *   protocol   -1 = every protocol; else the IP protocol number; icmp is 1 and matches IPv4
 *              packets only, icmpv6 is 58 and matches IPv6 packets only.
 *   from, to   tcp and udp: the port range. icmp and icmpv6: type and code, -1 = all (type -1
 *              makes the code -1). Any other protocol, and -1: 0 and 65535, and ignored.
 */
struct sg_rule {
	int16_t protocol;
	int32_t from;
	int32_t to;
	enum rule_peer peer;
	struct prefix prefix; /* RULE_PEER_PREFIX */
	const char *peer_id;  /* "pl-…" or "sg-…" of the other two kinds; NULL for a prefix */
	const char *description;
};

struct security_group {
	const char *id;
	const char *name;
	const char *vpc_id;
	struct sg_rule *rules[DIRECTIONS];
	size_t rule_count[DIRECTIONS];
	unsigned line; /* where in its document it begins */
};

/* An EC2 network interface. addresses: private ones, secondary ones and delegated prefixes (IPv4
 * /28, IPv6 /80); public ones are not among them. */
struct network_interface {
	const char *id;
	const char **groups;
	size_t group_count;
	struct prefix *addresses;
	size_t address_count;
	bool source_dest_check; /* true where the document does not say */
	unsigned line;
};

/* describe-managed-prefix-lists knows the list but not its entries; get-managed-prefix-list-entries
 * the reverse. entries is NULL and known false where only the former was seen. */
struct prefix_list {
	const char *id;
	const char *name;
	struct prefix *entries;
	size_t entry_count;
	bool known;
	unsigned line;
};

struct label {
	const char *key;
	const char *value;
};

struct labels {
	struct label *items;
	size_t count;
};

enum selector_operator { SELECTOR_IN, SELECTOR_NOT_IN, SELECTOR_EXISTS, SELECTOR_DOES_NOT_EXIST };

struct selector_requirement {
	const char *key;
	enum selector_operator operator;
	const char **values;
	size_t value_count;
};

/* matchLabels become In requirements; all requirements must hold; none matches everything. */
struct selector {
	struct selector_requirement *requirements;
	size_t count;
	bool invalid; /* could not be understood: matches nothing
	                 (amazon-vpc-resource-controller-k8s does so) */
};

struct security_group_policy {
	const char *namespace;
	const char *name;
	struct selector *pods;             /* NULL: not evaluated */
	struct selector *service_accounts; /* NULL: not evaluated */
	const char **groups;
	size_t group_count;
	unsigned line;
};

struct service_account {
	const char *namespace;
	const char *name;
	struct labels labels;
	unsigned line;
};

/* Element 0 of the annotation vpc.amazonaws.com/pod-eni. */
struct branch_eni {
	const char *id;
	const char *mac;
	unsigned vlan_id; /* 1..4094 */
	struct prefix addresses[2];
	size_t address_count; /* IPv4, IPv6 or both */
};

#define POD_ADDRESSES_MAX 4

struct pod {
	const char *namespace;
	const char *name;
	const char *uid;
	const char *node;            /* spec.nodeName */
	const char *service_account; /* "default" where the document does not say */
	struct labels labels;
	int64_t created; /* seconds since 1970, 0 = unknown */
	bool host_network;
	bool finished; /* phase Succeeded or Failed: holds nothing */
	/* deletionTimestamp with a grace period of 0: nobody waits for its clean-up. */
	bool deleted_at_once;
	/* Of the mirror of a static pod: what kubelet calls the static pod's uid; else "". */
	const char *config_hash;
	struct branch_eni *eni;                     /* NULL: not annotated */
	struct prefix addresses[POD_ADDRESSES_MAX]; /* status.podIPs */
	size_t address_count;
	unsigned line;
};

struct node {
	const char *name;
	struct prefix addresses[POD_ADDRESSES_MAX]; /* InternalIP */
	size_t address_count;
	unsigned line;
};

struct cninode {
	const char *name;
	bool security_groups_for_pods; /* the feature of that name is listed */
	unsigned line;
};

/* A Service or an EndpointSlice of the cluster's DNS, kube-system/kube-dns; others are not kept. */
struct cluster_dns {
	const char *name;
	bool endpoints; /* a slice: where kube-proxy sends the queries; else the Service */
	struct prefix *addresses; /* of the ready endpoints; or the Service's cluster addresses */
	size_t address_count;
	uint16_t udp_port; /* 53 where it does not say */
	uint16_t tcp_port;
	unsigned line;
};

/* The EC2 instance that this node is, as its metadata service says. */
struct instance {
	const char *id;
	const char *type;
	const char *region;
	const char *zone;
	const char **groups; /* ids, of the primary interface */
	size_t group_count;
	struct prefix *addresses; /* private ones of the primary interface, IPv4 and IPv6 */
	size_t address_count;
	struct prefix *vpc_cidrs; /* IPv4 and IPv6 */
	size_t vpc_cidr_count;
	struct prefix *subnet_cidrs; /* likewise, of the primary interface's subnet */
	size_t subnet_cidr_count;
};

/* NULL: there is none of that key. */
const char *label_value(const struct labels *labels, const char *key);

/* Kubernetes label selector semantics (apimachinery's LabelSelectorAsSelector): NotIn and
 * DoesNotExist also match where the key is absent. */
bool selector_matches(const struct selector *selector, const struct labels *labels);

const char *direction_name(enum direction direction); /* "ingress", "egress" */

/* "tcp/443", "udp/1-5", "icmp/8/-1", "every protocol", "protocol 47"; and behind it "from" or "to"
 * and the peer: what a person calls the rule. Cut to size; returns buffer. */
#define RULE_TEXT_MAX 160
const char *rule_text(const struct sg_rule *rule, enum direction direction, char *buffer,
                      size_t size);

#endif
