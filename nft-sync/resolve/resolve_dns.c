/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "nft-sync/resolve/resolver.h"

#define DNS_PORT 53
#define SERVERS_MAX 1024 /* what more there are is judged like the first ones */

static int compare_servers(const void *a, const void *b)
{
	const struct dns_server *left = a;
	const struct dns_server *right = b;

	return prefix_compare(&left->address, &right->address);
}

static int take_configured(struct resolver *resolver)
{
	const struct config *config = resolver->config;
	struct resolution *out = resolver->out;

	out->dns_servers = arena_array(resolver->arena, config->dns.cluster_server_count,
	                               sizeof(struct dns_server));
	if (out->dns_servers == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->dns.cluster_server_count; i++)
		out->dns_servers[i] =
			(struct dns_server){config->dns.cluster_servers[i], DNS_PORT, DNS_PORT};
	out->dns_server_count = config->dns.cluster_server_count;
	return 0;
}

static size_t count_endpoints(const struct cluster_dns *const *dns, size_t count)
{
	size_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += dns[i]->endpoints ? dns[i]->address_count : 0;
	return sum < SERVERS_MAX ? sum : SERVERS_MAX;
}

static void add_endpoints(struct resolution *out, const struct cluster_dns *dns)
{
	for (size_t i = 0; i < dns->address_count && out->dns_server_count < SERVERS_MAX; i++)
		out->dns_servers[out->dns_server_count++] =
			(struct dns_server){dns->addresses[i], dns->udp_port, dns->tcp_port};
}

/* A Service's own address is none of them: groups judge what kube-proxy makes of it. */
static int take_endpoints(struct resolver *resolver)
{
	struct resolution *out = resolver->out;
	const struct cluster_dns *const *dns;
	size_t count;
	size_t room;
	int ret = model_cluster_dns(resolver->model, &dns, &count);

	if (ret < 0)
		return ret;
	room = count_endpoints(dns, count);
	if (room == 0)
		return 0;
	out->dns_servers = arena_array(resolver->arena, room, sizeof(struct dns_server));
	if (out->dns_servers == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (dns[i]->endpoints)
			add_endpoints(out, dns[i]);
	return 0;
}

int resolve_dns(struct resolver *resolver)
{
	struct resolution *out = resolver->out;
	int ret = resolver->config->dns.cluster_server_count > 0 ? take_configured(resolver)
	                                                         : take_endpoints(resolver);

	if (ret == 0 && out->dns_server_count > 1)
		qsort(out->dns_servers, out->dns_server_count, sizeof(struct dns_server),
		      compare_servers);
	return ret;
}
