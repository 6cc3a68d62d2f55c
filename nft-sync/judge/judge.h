/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_JUDGE_H
#define PODSG_JUDGE_H

/*
 * Says of one packet that begins a flow what the kernel will do with it, and why: the verdict
 * rules of the README read from the rules themselves, not from the compiled sets. explain prints
 * it; establishedFlows: cut asks it which flows are no longer permitted.
 */

#include "common/error.h"
#include "common/objects.h"
#include "nft-sync/resolve/resolution.h"

/* A packet on one pass through the node, as the forward, input or output hook sees it: behind
 * kube-proxy's DNAT, before source NAT. */
struct packet {
	const char *in;  /* "" = from the node itself */
	const char *out; /* "" = to the node itself */
	struct prefix source;
	struct prefix destination;
	uint8_t protocol;
	uint16_t source_port;   /* tcp, udp, 0 = unknown */
	uint16_t port;          /* tcp, udp: destination */
	uint16_t original_port; /* before DNAT; equal to port where there was none */
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t hop_limit; /* IPv6 neighbour discovery has 255 */
	bool answer;       /* conntrack calls it the reply direction of a flow */
};

enum verdict_reason {
	REASON_NOT_OURS, /* no end: permitted */
	REASON_RULE,     /* permitted by a rule */
	REASON_EXEMPT,   /* permitted by an exemption */
	REASON_DNS, /* permitted: it may ask the cluster's DNS servers, and so their cache here */
	REASON_NEIGHBOUR,    /* permitted: IPv6 neighbour discovery */
	REASON_SOURCE,       /* dropped: source/dest check */
	REASON_PATH,         /* dropped: strict path */
	REASON_NO_RULE,      /* dropped: no rule of its groups */
	REASON_NODE_NO_RULE, /* dropped: no rule of the node's groups */
	REASON_CLOSED,       /* dropped: none of its groups is known, or too many rules */
	REASON_CLAIMED,      /* dropped: a newer pod has its address or interface */
};

/* One end's judgement. Strings live as long as the resolution and the model. */
struct judgement {
	bool permitted;
	enum verdict_reason reason;
	const struct branch *branch;
	enum direction direction;
	enum exemption exemption;           /* REASON_EXEMPT */
	const struct security_group *group; /* REASON_RULE */
	const struct sg_rule *rule;         /* REASON_RULE */
	const struct security_group
		*node_group;             /* the node's groups were asked too, and this one */
	const struct sg_rule *node_rule; /* permitted */
};

#define JUDGEMENTS_MAX 2

struct verdict {
	bool permitted;
	struct judgement ends[JUDGEMENTS_MAX]; /* in the order the packet meets them */
	size_t end_count; /* a drop at the first end leaves the second one out */
};

/* Where rules and prefix lists are looked up by id; NULL = unknown. The model implements it. */
struct judge_rules {
	const struct security_group *(*group)(void *context, const char *id);
	const struct prefix_list *(*prefix_list)(void *context, const char *id);
	void *context;
};

void judge(const struct resolution *resolution, const struct judge_rules *rules,
           const struct packet *packet, struct verdict *ret);

/* "rule", "exempt", "source", "path", "rules", "node-groups", "closed", "claimed", … as counters
 * and the drop log spell it. */
const char *verdict_reason_name(enum verdict_reason reason);

/* The exempt services: who may be reached without a rule. */
struct exempt_service {
	enum exemption exemption;
	struct prefix address;
	uint8_t protocol;
	uint16_t port;
};

/* imds, vpc-dns (VPC+2 of every VPC CIDR too), time, pod-identity, ecs; those that are switched off
 * left out, none twice. Returns the count; *ret is allocated in arena, NULL on lack of memory. */
size_t exempt_services(const struct resolution *resolution, struct arena *arena,
                       struct exempt_service **ret);

/* Whether one of them listens there, and which. */
bool exempt_service_find(const struct resolution *resolution, const struct prefix *address,
                         uint8_t protocol, uint16_t port, enum exemption *ret);

#endif
