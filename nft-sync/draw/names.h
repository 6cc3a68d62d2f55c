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
#define SET_STRICT "strict"
#define SET_DNS4 "dns4"
#define SET_DNS6 "dns6"
#define SET_DNS_UDP "dns-udp"
#define SET_DNS_TCP "dns-tcp"
#define SET_DNS_ANSWERS4 "dns-answers4"
#define SET_DNS_ANSWERS6 "dns-answers6"
#define SET_STRICT_DNS4 "strict-dns4"
#define SET_STRICT_DNS6 "strict-dns6"
#define SET_PERMITS_EGRESS "permits-egress"
#define SET_PERMITS_INGRESS "permits-ingress"

#define CHAIN_FORWARD "forward"
#define CHAIN_INPUT "input"
#define CHAIN_OUTPUT "output"
#define CHAIN_REROUTED "rerouted"
#define CHAIN_UNSOURCED "unsourced"
#define CHAIN_PERMIT_EGRESS "permit-egress"
#define CHAIN_PERMIT_INGRESS "permit-ingress"
#define CHAIN_STRICT_DNS "strict-dns"
#define CHAIN_DNS_UDP "dns-udp"
#define CHAIN_DNS_TCP "dns-tcp"
#define CHAIN_DNS_PERMITTED "dns-permitted"
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
