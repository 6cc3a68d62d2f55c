/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/loader.h"

#define DNS_NAMESPACE "kube-system"
#define DNS_SERVICE "kube-dns"
#define DNS_PORT 53
#define PORT_MAX 65535

static bool is_text(const struct field *field, const char *text)
{
	return cJSON_IsString(field->value) && strcmp(field->value->valuestring, text) == 0;
}

/* Of the services of a whole cluster only one is read, and the others may hold what they want. */
static bool is_dns(const struct field *metadata, const struct field *service_name)
{
	const struct field namespace = field_member(metadata, "namespace");

	return is_text(&namespace, DNS_NAMESPACE) && is_text(service_name, DNS_SERVICE);
}

void read_dns_port(struct loader *loader, const struct field *element, void *context)
{
	struct cluster_dns *dns = context;
	const struct field name_field = field_member(element, "name");
	const struct field protocol_field = field_member(element, "protocol");
	const struct field port_field = field_member(element, "port");
	const char *name = read_name(loader, &name_field, OPTIONAL);
	const char *protocol = read_name(loader, &protocol_field, OPTIONAL);
	uint16_t port = (uint16_t)read_integer(loader, &port_field, 1, PORT_MAX, DNS_PORT);
	uint16_t *place = NULL;

	if (strncmp(name, "dns", strlen("dns")) != 0 && port != DNS_PORT)
		return;
	if (strcmp(protocol, "UDP") == 0)
		place = &dns->udp_port;
	else if (protocol[0] == '\0' || strcmp(protocol, "TCP") == 0)
		place = &dns->tcp_port;
	if (place != NULL && *place == 0)
		*place = port;
}

static void read_address_of_dns(struct loader *loader, const struct field *element, void *context)
{
	struct prefix address;
	struct prefix *kept;

	(void)context;
	if (!read_address(loader, element, AF_UNSPEC, &address))
		return;
	kept = loader_push(loader, &loader->prefixes);
	if (kept != NULL)
		*kept = address;
}

/* Whether it is ready is not said where nobody knows: that counts as ready (v1's own rule). */
static void read_endpoint(struct loader *loader, const struct field *endpoint, void *context)
{
	const struct field conditions = read_object(loader, endpoint, "conditions", OPTIONAL);
	const struct field ready = field_member(&conditions, "ready");

	if (read_flag(loader, &ready, true))
		read_elements(loader, endpoint, "addresses", read_address_of_dns, context);
}

static void read_cluster_address(struct loader *loader, const struct field *element, void *context)
{
	if (!is_text(element, "None") && !is_text(element, ""))
		read_address_of_dns(loader, element, context);
}

static struct cluster_dns *new_dns(struct loader *loader, const struct field *object,
                                   enum definition kind)
{
	const struct object_name name = read_object_name(loader, object, true, kind);
	struct cluster_dns *dns = loader_push(loader, &loader->cluster_dns);

	if (dns == NULL)
		return NULL;
	dns->name = name.name;
	dns->endpoints = kind == DEFINES_ENDPOINT_SLICE;
	dns->line = field_line(loader->item, object);
	return dns;
}

static void keep(struct loader *loader, struct cluster_dns *dns)
{
	if (dns->udp_port == 0)
		dns->udp_port = DNS_PORT;
	if (dns->tcp_port == 0)
		dns->tcp_port = DNS_PORT;
	loader_keep(loader, &loader->prefixes, &dns->addresses, &dns->address_count);
}

void load_service(struct loader *loader, const struct field *object)
{
	const struct field metadata = field_member(object, "metadata");
	const struct field name = field_member(&metadata, "name");
	const struct field spec = field_member(object, "spec");
	const struct field single = field_member(&spec, "clusterIP");
	struct cluster_dns *dns;

	if (!is_dns(&metadata, &name))
		return;
	dns = new_dns(loader, object, DEFINES_SERVICE);
	if (dns == NULL)
		return;
	read_elements(loader, &spec, "ports", read_dns_port, dns);
	read_elements(loader, &spec, "clusterIPs", read_cluster_address, NULL);
	if (loader->prefixes.count == 0 && single.value != NULL)
		read_cluster_address(loader, &single, NULL);
	keep(loader, dns);
}

void load_endpoint_slice(struct loader *loader, const struct field *object)
{
	const struct field metadata = field_member(object, "metadata");
	const struct field labels = field_member(&metadata, "labels");
	const struct field service = field_member(&labels, "kubernetes.io/service-name");
	const struct field type = field_member(object, "addressType");
	struct cluster_dns *dns;

	if (!is_dns(&metadata, &service) || is_text(&type, "FQDN"))
		return;
	dns = new_dns(loader, object, DEFINES_ENDPOINT_SLICE);
	if (dns == NULL)
		return;
	read_elements(loader, object, "ports", read_dns_port, dns);
	read_elements(loader, object, "endpoints", read_endpoint, NULL);
	keep(loader, dns);
}
