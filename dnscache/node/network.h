/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_NETWORK_H
#define PODSG_DNS_NETWORK_H

/*
 * What brings packets to the daemon, and lets them pass it by when it is gone:
 * - the interface (dummy; ifb where the kernel has no dummy) with the listen addresses, v4 and v6;
 * - table inet podsg-dns, owned by this process where the kernel knows owners (5.12): NOTRACK for
 *   packets to and from the listen addresses, but not for those of strict branch interfaces.
 *   It ends with the process, and from then on packets are tracked again, so that kube-proxy's DNAT
 *   of the cluster address works as if nobody were here;
 * - table inet podsg-dns-away, which stays until stop: tracked packets to a link-local listen
 *   address (nobody took them: we are dead) are DNATed to the cluster's DNS servers, if these are
 *   known, and what leaves with a listen address as its source is masqueraded.
 * Nothing is "accepted": in nftables that ends the evaluation of one's own chain only, and never
 * overrules another table's drop. A firewall of the node has to let DNS in itself.
 */

#include "common/address.h"
#include "common/error.h"
#include "dnscache/node/cluster_server.h"

#include <stdbool.h>
#include <stddef.h>

struct network_settings {
	const char *interface;
	const struct prefix *addresses; /* whole ones */
	size_t address_count;
	uint16_t port, health_port;
	bool interface_wanted, rules_wanted;
};

struct network;

enum network_trouble {
	NETWORK_INTERFACE_ADD,
	NETWORK_INTERFACE_CHECK,
	NETWORK_RULES,
	NETWORK_TROUBLES
};

/* What settings points to must outlive it. Only one thread may use it. */
int network_open(const struct network_settings *settings, struct network **ret, struct error *err);

/* To whom packets are led when nobody takes them, from the next network_set_up_rules() on; copied.
 * None are as good as no news: those before stay. A Service's address is a poor one: kube-proxy
 * does not translate again what has been translated here. */
int network_set_servers(struct network *network, const struct cluster_server *servers, size_t count,
                        struct error *err);

/* Interface and addresses, before the sockets are bound; adopts what is there. Call it again
 * every second, too. */
int network_set_up_interface(struct network *network, struct error *err);
/* Both tables, once somebody answers. Call it again when the list of strict interfaces (host veths)
 * has changed, or the servers have, and every second: what is right already is left alone. */
int network_set_up_rules(struct network *network, const char *const *strict, size_t strict_count,
                         struct error *err);
struct network_counters {
	uint64_t queries; /* packets to the listen addresses, taken off connection tracking */
	uint64_t answers; /* and those that went back */
	uint64_t passed;  /* of strict interfaces: left alone */
};
/* -ENOENT: the rules are not set up. Asks the kernel; for a scrape, not for a packet. */
int network_counters(struct network *network, struct network_counters *ret, struct error *err);

/* Both tables go, whoever made them: from now on packets take the way they take without us. */
int network_tear_down_rules(struct network *network, struct error *err);
/* The interface goes, once nothing more is sent from its addresses; but not if the rules stand
 * again: another process has taken over. */
int network_tear_down_interface(struct network *network, struct error *err);
void network_close(struct network *network); /* the owned table goes with it; accepts NULL */

#endif
