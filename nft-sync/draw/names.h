/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NAMES_H
#define PODSG_NAMES_H

/* The names of what is in our table, each in one place: people grep for them. */

#define SET_EGRESS "egress"
#define SET_INGRESS "ingress"
#define SET_FROM_NODE "from-node"
#define SET_ADDRESSES4 "addresses4"
#define SET_ADDRESSES6 "addresses6"
#define SET_ANY_SOURCE "any-source"
#define SET_PATHS "paths"
#define SET_HAIRPINS "hairpins"
#define SET_EXEMPT4 "exempt4"
#define SET_EXEMPT6 "exempt6"
#define SET_RULES_EGRESS "rules-egress"
#define SET_RULES_INGRESS "rules-ingress"
#define SET_UNSOURCED4 "unsourced4"
#define SET_UNSOURCED6 "unsourced6"
#define SET_NEIGHBOUR "neighbour-discovery"
#define SET_PERMITS_EGRESS "permits-egress"
#define SET_PERMITS_INGRESS "permits-ingress"

#define CHAIN_FORWARD "forward"
#define CHAIN_INPUT "input"
#define CHAIN_OUTPUT "output"
#define CHAIN_REROUTED "rerouted"
#define CHAIN_UNSOURCED "unsourced"
#define CHAIN_PERMIT_EGRESS "permit-egress"
#define CHAIN_PERMIT_INGRESS "permit-ingress"
#define CHAIN_NODE_EGRESS "node-egress"
#define CHAIN_NODE_INGRESS "node-ingress"

/* Reasons of drops: a chain drop-<direction>-<reason> and a set drops-<direction>-<reason> each. */
#define DROP_SOURCE "source"
#define DROP_PATH "path"
#define DROP_RULES "rules"
#define DROP_NODE "node-groups"
#define DROP_CLOSED "closed"
#define DROP_CLAIMED "claimed"

#endif
