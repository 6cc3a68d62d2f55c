/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/check/facts_endpoints.h"

#define DNS_NAMESPACE "kube-system"
#define DNS_SERVICE "kube-dns"

static void read_endpoint(struct loader *loader, const struct field *element, void *context)
{
	const struct field ip = field_member(element, "ip");
	struct prefix address, *kept;
	(void)context;
	if (!read_address(loader, &ip, AF_UNSPEC, &address))
		return;
	kept = loader_push(loader, &loader->prefixes);
	if (kept)
		*kept = address;
}

static void read_subset(struct loader *loader, const struct field *subset, void *context)
{
	read_elements(loader, subset, "addresses", read_endpoint, NULL);
	read_elements(loader, subset, "ports", read_dns_port, context);
}

/* Of a whole cluster's only these are read, and the others may hold what they want. */
void load_endpoints_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_NOTHING);
	struct dns_endpoints_facts *endpoints;
	struct cluster_dns ports = {0};
	if (strcmp(name.namespace, DNS_NAMESPACE) != 0 || strcmp(name.name, DNS_SERVICE) != 0)
		return;
	endpoints = fact_push(loader, FACT_DNS_ENDPOINTS, object, &name);
	if (!endpoints)
		return;
	read_elements(loader, object, "subsets", read_subset, &ports);
	loader_keep(loader, &loader->prefixes, &endpoints->addresses, &endpoints->address_count);
	endpoints->udp_port = ports.udp_port;
	endpoints->tcp_port = ports.tcp_port;
}

const struct dns_endpoints_facts *facts_dns_endpoints(const struct facts *facts)
{
	return facts_find(facts, FACT_DNS_ENDPOINTS, DNS_NAMESPACE, DNS_SERVICE);
}
