/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cjson/cJSON.h>
#include <errno.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/netlink.h"
#include "dnscache/node/interface.h"
#include "dnscache/node/network.h"
#include "dnscache/node/table.h"

/* What stands in the kernel, as it showed it right after it was made. */
struct table {
	const char *name;
	char *listing; /* NULL: not set up */
};

struct network {
	struct network_settings settings;
	struct netlink netlink;
	struct nft_ctx *nft; /* its socket owns the table, and lives as long */
	struct table dns, away;
	bool owned;
	char *strict; /* the rules of strict interfaces that stand */
};

/* libnftables says several lines, with a drawing; the first one tells. */
static int nft_failed(struct network *network, const char *what, struct error *err)
{
	const char *said = nft_ctx_get_error_buffer(network->nft);
	size_t length = strcspn(said, "\n");
	return error_set(err, strstr(said, "Operation not permitted") ? -EPERM : -EIO,
	                 "nftables: cannot %s: %.*s", what, (int)length, said);
}

static int run_text(struct network *network, const char *text, const char *what, struct error *err)
{
	if (!text)
		return error_set(err, -ENOMEM, "no memory for the rules");
	if (nft_run_cmd_from_buffer(network->nft, text) != 0)
		return nft_failed(network, what, err);
	return 0;
}

/* NULL: not there, or no memory. */
static char *list_table(struct network *network, const char *name)
{
	char command[64];
	snprintf(command, sizeof(command), "list table inet %s", name);
	nft_ctx_output_set_flags(network->nft, NFT_CTX_OUTPUT_STATELESS);
	if (nft_run_cmd_from_buffer(network->nft, command) != 0)
		return NULL;
	return strdup(nft_ctx_get_output_buffer(network->nft));
}

static void table_forget(struct table *table)
{
	free(table->listing);
	table->listing = NULL;
}

static void table_note(struct network *network, struct table *table)
{
	table_forget(table);
	table->listing = list_table(network, table->name);
}

static bool table_stands(struct network *network, const struct table *table)
{
	char *now = table->listing ? list_table(network, table->name) : NULL;
	bool same = now && strcmp(now, table->listing) == 0;
	free(now);
	return same;
}

int network_open(const struct network_settings *settings, struct network **ret, struct error *err)
{
	struct network *network = calloc(1, sizeof(*network));
	if (!network)
		return error_set(err, -ENOMEM, "no memory for the node's network");
	network->settings = *settings;
	network->dns.name = DNS_TABLE;
	network->away.name = DNS_AWAY_TABLE;
	int r = netlink_open(&network->netlink, NETLINK_ROUTE, err);
	if (r < 0)
		goto out;
	network->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!network->nft || nft_ctx_buffer_output(network->nft) != 0 ||
	    nft_ctx_buffer_error(network->nft) != 0) {
		r = error_set(err, -ENOMEM, "cannot open nftables");
		goto out;
	}
	*ret = network;
	return 0;
out:
	network_close(network);
	return r;
}

int network_set_up_interface(struct network *network, struct error *err)
{
	const struct network_settings *settings = &network->settings;
	if (!settings->interface_wanted)
		return 0;
	return dns_interface_set_up(&network->netlink, settings->interface, settings->addresses,
	                            settings->address_count, NULL, err);
}

static int set_up_away(struct network *network, struct error *err)
{
	if (table_stands(network, &network->away))
		return 0;
	char *text = dns_away_text(&network->settings);
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

int network_set_up_rules(struct network *network, const char *const *strict, size_t strict_count,
                         struct error *err)
{
	if (!network->settings.rules_wanted)
		return 0;
	int r = set_up_away(network, err);
	int dns = set_up_dns(network, strict, strict_count, err);
	return r < 0 ? r : dns;
}

static uint64_t counter_packets(const cJSON *list, const char *name)
{
	const cJSON *item;
	cJSON_ArrayForEach (item, list) {
		const cJSON *counter = cJSON_GetObjectItemCaseSensitive(item, "counter");
		const char *found =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(counter, "name"));
		const cJSON *packets = cJSON_GetObjectItemCaseSensitive(counter, "packets");
		if (found && strcmp(found, name) == 0 && cJSON_IsNumber(packets) &&
		    packets->valuedouble >= 0)
			return (uint64_t)packets->valuedouble;
	}
	return 0;
}

int network_counters(struct network *network, struct network_counters *ret, struct error *err)
{
	if (!network->dns.listing)
		return error_set(err, -ENOENT, "table " DNS_TABLE " is not set up");
	nft_ctx_output_set_flags(network->nft, NFT_CTX_OUTPUT_JSON);
	int r = run_text(network, "list counters table inet " DNS_TABLE, "list the counters", err);
	if (r < 0)
		return r;
	cJSON *root = cJSON_Parse(nft_ctx_get_output_buffer(network->nft));
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "nftables");
	*ret = (struct network_counters){
		.queries = counter_packets(list, DNS_COUNTER_QUERIES),
		.answers = counter_packets(list, DNS_COUNTER_ANSWERS),
		.passed = counter_packets(list, DNS_COUNTER_PASSED),
	};
	cJSON_Delete(root);
	return 0;
}

/* Whoever made it: a process that is dead and could not own it has left it behind. */
static int remove_table(struct network *network, struct table *table, bool owned, struct error *err)
{
	char text[160];
	snprintf(text, sizeof(text), "%s%s%sdelete table inet %s\n", owned ? "" : "add table inet ",
	         owned ? "" : table->name, owned ? "" : "\n", table->name);
	table_forget(table);
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
	return dns_interface_remove(&network->netlink, network->settings.interface, err);
}

void network_close(struct network *network)
{
	if (!network)
		return;
	netlink_close(&network->netlink);
	if (network->nft)
		nft_ctx_free(network->nft);
	table_forget(&network->dns);
	table_forget(&network->away);
	free(network->strict);
	free(network);
}
