/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_PEERS_H
#define PODSG_DNS_PEERS_H

/* The cluster's DNS servers, as a packet is addressed behind kube-proxy's DNAT, and their groups.
 */

#include "nft-sync/check/check.h"

struct dns_peer {
	struct prefix address;
	uint16_t udp_port, tcp_port;
	const char *const *groups; /* of its interface: its own, or its node's */
	size_t group_count;        /* 0: not known */
};

struct dns_peers {
	const struct dns_peer *items;
	size_t count;
};

/*
 * The configured ones, else the endpoints of kube-system/kube-dns, else the pods behind it; those
 * that no group ever filters are left out, and *ret_unfiltered says whether there were any. In the
 * run's arena. On lack of memory there are none, and the run has failed.
 */
struct dns_peers dns_peers_of(struct check_run *run, bool *ret_unfiltered);

#define NEEDS_DNS_SERVERS "kubectl get endpointslices -n kube-system -o json"

#endif
