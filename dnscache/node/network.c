/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/netlink.h"
#include "dnscache/node/interface.h"
#include "dnscache/node/network.h"
#include "dnscache/node/nft_apart.h"
#include "dnscache/node/table.h"
#include "dnscache/node/table_state.h"

struct table {
	const char *name;
	uint64_t digest; /* of what was made; 0: not set up */
};

struct network {
	struct network_settings settings;
	struct netlink route, netfilter;
	struct nft_ctx *nft; /* its socket owns the table, and lives as long */
	struct table dns, away;
	bool owned;
	char *strict; /* the rules of strict interfaces that stand */
	struct cluster_server *servers;
	size_t server_count;
};

static int open_nft(struct network *network)
{
	network->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!network->nft || nft_ctx_buffer_output(network->nft) != 0 ||
	    nft_ctx_buffer_error(network->nft) != 0)
		return -ENOMEM;
	return 0;
}

/* A child that died may have left half an answer in the socket: with another socket the table is
 * nobody's, and made anew. */
static void renew_nft(struct network *network)
{
	if (network->nft)
		nft_ctx_free(network->nft);
	(void)open_nft(network);
	network->dns.digest = 0;
}

static int run_text(struct network *network, const char *text, const char *what, struct error *err)
{
	char said[256];
	if (!text || !network->nft)
		return error_set(err, -ENOMEM, "no memory for the rules");
	int r = nft_apart(network->nft, text, said, sizeof(said));
	if (r == -ECHILD || r == -ETIMEDOUT)
		renew_nft(network);
	if (r == -EIO && strstr(said, "Operation not permitted"))
		r = -EPERM;
	if (r < 0)
		return error_set(err, r, "nftables: cannot %s: %s", what,
		                 said[0] ? said : strerror(-r));
	return 0;
}

static bool table_stands(struct network *network, const struct table *table)
{
	return table->digest && dns_table_digest(&network->netfilter, table->name) == table->digest;
}

static char *away_text(const struct network *network)
{
	return dns_away_text(&network->settings, network->servers, network->server_count);
}

static void table_note(struct network *network, struct table *table)
{
	table->digest = dns_table_digest(&network->netfilter, table->name);
}

int network_open(const struct network_settings *settings, struct network **ret, struct error *err)
{
	struct network *network = calloc(1, sizeof(*network));
	if (!network)
		return error_set(err, -ENOMEM, "no memory for the node's network");
	network->settings = *settings;
	network->dns.name = DNS_TABLE;
	network->away.name = DNS_AWAY_TABLE;
	int r = netlink_open(&network->route, NETLINK_ROUTE, err);
	if (r == 0)
		r = netlink_open(&network->netfilter, NETLINK_NETFILTER, err);
	if (r < 0)
		goto out;
	r = open_nft(network);
	if (r < 0) {
		error_set(err, r, "cannot open nftables");
		goto out;
	}
	*ret = network;
	return 0;
out:
	network_close(network);
	return r;
}

static bool servers_equal(const struct network *network, const struct cluster_server *servers,
                          size_t count)
{
	if (network->server_count != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct cluster_server *known = &network->servers[i];
		if (!prefix_equal(&known->address, &servers[i].address) ||
		    known->udp_port != servers[i].udp_port ||
		    known->tcp_port != servers[i].tcp_port)
			return false;
	}
	return true;
}

int network_set_up_interface(struct network *network, struct error *err)
{
	const struct network_settings *settings = &network->settings;
	if (!settings->interface_wanted)
		return 0;
	return dns_interface_set_up(&network->route, settings->interface, settings->addresses,
	                            settings->address_count, NULL, err);
}

int network_set_servers(struct network *network, const struct cluster_server *servers, size_t count,
                        struct error *err)
{
	if (count == 0 || servers_equal(network, servers, count))
		return 0;
	struct cluster_server *copy = calloc(count, sizeof(*copy));
	if (!copy)
		return error_set(err, -ENOMEM, "no memory for the cluster's DNS servers");
	memcpy(copy, servers, count * sizeof(*copy));
	free(network->servers);
	network->servers = copy;
	network->server_count = count;
	network->away.digest = 0;
	return 0;
}

static int set_up_away(struct network *network, struct error *err)
{
	if (table_stands(network, &network->away))
		return 0;
	char *text = away_text(network);
	int r = run_text(network, text, "set up table " DNS_AWAY_TABLE, err);
	free(text);
	if (r == 0)
		table_note(network, &network->away);
	return r;
}

/* Kernels before 5.12 know no owner. */
static int make_dns_table(struct network *network, const char *const *strict, size_t count,
                          struct error *err)
{
	int r = -EIO;
	for (int owned = 1; r < 0 && r != -ENOMEM && owned >= 0; owned--) {
		char *text = dns_table_text(&network->settings, strict, count, owned);
		r = run_text(network, text, "set up table " DNS_TABLE, owned ? NULL : err);
		free(text);
		network->owned = r == 0 && owned;
	}
	return r;
}

static int set_up_dns(struct network *network, const char *const *strict, size_t count,
                      struct error *err)
{
	int r = 0;
	char *text = dns_table_strict_text(strict, count);
	if (!text)
		return error_set(err, -ENOMEM, "no memory for the rules");
	bool stands = table_stands(network, &network->dns);
	if (stands && strcmp(text, network->strict) == 0)
		goto out;
	r = stands ? run_text(network, text, "change table " DNS_TABLE, err)
	           : make_dns_table(network, strict, count, err);
	if (r < 0)
		goto out;
	table_note(network, &network->dns);
	free(network->strict);
	network->strict = text;
	text = NULL;
out:
	free(text);
	return r;
}

/* As at every start: in one go it takes half the time. What fails here is tried one by one. */
static void make_both(struct network *network, const char *const *strict, size_t count)
{
	char *text = NULL;
	char *away = away_text(network);
	char *dns = dns_table_text(&network->settings, strict, count, true);
	char *now = dns_table_strict_text(strict, count);
	if (away && dns && now && asprintf(&text, "%s%s", away, dns) >= 0 &&
	    run_text(network, text, "set up the tables", NULL) == 0) {
		network->owned = true;
		table_note(network, &network->away);
		table_note(network, &network->dns);
		free(network->strict);
		network->strict = now;
		now = NULL;
	}
	free(now);
	free(dns);
	free(away);
	free(text);
}

int network_set_up_rules(struct network *network, const char *const *strict, size_t strict_count,
                         struct error *err)
{
	if (!network->settings.rules_wanted)
		return 0;
	if (!network->away.digest && !network->dns.digest)
		make_both(network, strict, strict_count);
	int r = set_up_away(network, err);
	int dns = set_up_dns(network, strict, strict_count, err);
	return r < 0 ? r : dns;
}

int network_counters(struct network *network, struct network_counters *ret, struct error *err)
{
	const struct {
		const char *name;
		uint64_t *packets;
	} counters[] = {
		{DNS_COUNTER_QUERIES, &ret->queries},
		{DNS_COUNTER_ANSWERS, &ret->answers},
		{DNS_COUNTER_PASSED, &ret->passed},
	};
	int r = network->dns.digest ? 0 : -ENOENT;
	for (size_t i = 0; r == 0 && i < sizeof(counters) / sizeof(*counters); i++)
		r = dns_table_counter(&network->netfilter, network->dns.name, counters[i].name,
		                      counters[i].packets);
	if (r < 0)
		return error_set(err, r, "cannot read the counters of table " DNS_TABLE ": %s",
		                 strerror(-r));
	return 0;
}

/* Whoever made it: a process that is dead and could not own it has left it behind. */
static int remove_table(struct network *network, struct table *table, bool owned, struct error *err)
{
	char text[160];
	snprintf(text, sizeof(text), "%s%s%sdelete table inet %s\n", owned ? "" : "add table inet ",
	         owned ? "" : table->name, owned ? "" : "\n", table->name);
	table->digest = 0;
	return run_text(network, text, "remove a table", err);
}

int network_tear_down_rules(struct network *network, struct error *err)
{
	if (!network->settings.rules_wanted)
		return 0;
	int r = remove_table(network, &network->dns, network->owned, err);
	network->owned = false;
	int away = remove_table(network, &network->away, false, err);
	return r < 0 ? r : away;
}

int network_tear_down_interface(struct network *network, struct error *err)
{
	if (!network->settings.interface_wanted)
		return 0;
	if (network->settings.rules_wanted && dns_table_digest(&network->netfilter, DNS_TABLE))
		return 0;
	return dns_interface_remove(&network->route, network->settings.interface, err);
}

void network_close(struct network *network)
{
	if (!network)
		return;
	netlink_close(&network->route);
	netlink_close(&network->netfilter);
	if (network->nft)
		nft_ctx_free(network->nft);
	free(network->strict);
	free(network->servers);
	free(network);
}
