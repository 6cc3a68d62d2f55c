/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_vpc.h"

#define ADDRESSES_MAX (1 << 24) /* free ones of a subnet */

/* An object of EC2's is known by its id. */
static void *push_by_id(struct loader *loader, enum fact_kind kind, const struct field *object,
                        const char *key)
{
	const struct field field = field_member(object, key);
	const struct object_name name = {"", read_name(loader, &field, REQUIRED)};
	return fact_push(loader, kind, object, &name);
}

static void push_prefix(struct loader *loader, const struct field *field, int family)
{
	struct prefix prefix, *place;
	if (!field->value || !read_prefix(loader, field, family, &prefix))
		return;
	place = loader_push(loader, &loader->prefixes);
	if (place)
		*place = prefix;
}

/* One that is being taken away, or could not be had, is none. */
static bool is_associated(struct loader *loader, const struct field *element, const char *key)
{
	const struct field state = read_object(loader, element, key, OPTIONAL);
	const struct field field = field_member(&state, "State");
	const char *text = read_name(loader, &field, OPTIONAL);
	return !text[0] || strcmp(text, "associated") == 0 || strcmp(text, "associating") == 0;
}

static void read_block(struct loader *loader, const struct field *element, void *context)
{
	const struct field prefix = field_member(element, "CidrBlock");
	(void)context;
	if (is_associated(loader, element, "CidrBlockState"))
		push_prefix(loader, &prefix, AF_INET);
}

static void read_ipv6_block(struct loader *loader, const struct field *element, void *context)
{
	const struct field prefix = field_member(element, "Ipv6CidrBlock");
	(void)context;
	if (is_associated(loader, element, "Ipv6CidrBlockState"))
		push_prefix(loader, &prefix, AF_INET6);
}

void load_vpc_facts(struct loader *loader, const struct field *object)
{
	const struct field owner = field_member(object, "OwnerId");
	const struct field first = field_member(object, "CidrBlock");
	const struct field blocks = field_member(object, "CidrBlockAssociationSet");
	struct vpc_facts *vpc = push_by_id(loader, FACT_VPC, object, "VpcId");
	if (!vpc)
		return;
	vpc->owner = read_name(loader, &owner, OPTIONAL);
	/* The set has the first one, too. */
	if (!blocks.value)
		push_prefix(loader, &first, AF_INET);
	read_elements(loader, object, "CidrBlockAssociationSet", read_block, NULL);
	read_elements(loader, object, "Ipv6CidrBlockAssociationSet", read_ipv6_block, NULL);
	loader_keep(loader, &loader->prefixes, &vpc->prefixes, &vpc->prefix_count);
}

static void read_vpc_attribute(struct loader *loader, const struct field *document, const char *key,
                               const char *attribute, const char *vpc)
{
	const struct field field = read_object(loader, document, key, OPTIONAL);
	const struct field value = field_member(&field, "Value");
	const struct object_name name = {attribute, vpc};
	struct vpc_attribute_facts *fact;
	if (!field.value)
		return;
	fact = fact_push(loader, FACT_VPC_ATTRIBUTE, document, &name);
	if (fact)
		fact->on = read_flag(loader, &value, false);
}

void load_vpc_attribute_facts(struct loader *loader, const struct field *document)
{
	const struct field field = field_member(document, "VpcId");
	const char *vpc = read_name(loader, &field, REQUIRED);
	read_vpc_attribute(loader, document, "EnableDnsSupport", "enableDnsSupport", vpc);
	read_vpc_attribute(loader, document, "EnableDnsHostnames", "enableDnsHostnames", vpc);
}

void load_subnet_facts(struct loader *loader, const struct field *object)
{
	const struct field vpc = field_member(object, "VpcId");
	const struct field zone = field_member(object, "AvailabilityZone");
	const struct field owner = field_member(object, "OwnerId");
	const struct field prefix = field_member(object, "CidrBlock");
	const struct field available = field_member(object, "AvailableIpAddressCount");
	const struct field public_ips = field_member(object, "MapPublicIpOnLaunch");
	struct subnet_facts *subnet = push_by_id(loader, FACT_SUBNET, object, "SubnetId");
	if (!subnet)
		return;
	subnet->vpc = read_name(loader, &vpc, REQUIRED);
	subnet->zone = read_name(loader, &zone, OPTIONAL);
	subnet->owner = read_name(loader, &owner, OPTIONAL);
	push_prefix(loader, &prefix, AF_INET);
	read_elements(loader, object, "Ipv6CidrBlockAssociationSet", read_ipv6_block, NULL);
	loader_keep(loader, &loader->prefixes, &subnet->prefixes, &subnet->prefix_count);
	/* Of one that has IPv6 addresses only it is 0. */
	subnet->available = read_integer(loader, &available, 0, ADDRESSES_MAX, -1);
	if (!subnet_prefix(subnet, AF_INET))
		subnet->available = -1;
	subnet->public_ips = read_flag(loader, &public_ips, false);
}

static void read_association(struct loader *loader, const struct field *element, void *context)
{
	const struct field is_main = field_member(element, "Main");
	const struct field subnet = field_member(element, "SubnetId");
	struct route_table_facts *table = context;
	table->main |= read_flag(loader, &is_main, false);
	if (subnet.value)
		read_name_element(loader, &subnet, NULL);
}

/* A route has one of these, or one that EC2 did not have when this was written. */
static const char *target_of(struct loader *loader, const struct field *route)
{
	static const char *const keys[] = {
		"GatewayId",
		"NatGatewayId",
		"EgressOnlyInternetGatewayId",
		"TransitGatewayId",
		"VpcPeeringConnectionId",
		"LocalGatewayId",
		"CarrierGatewayId",
		"CoreNetworkArn",
		"NetworkInterfaceId",
		"OdbNetworkArn",
		"InstanceId",
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct field field = field_member(route, keys[i]);
		const char *id = read_name(loader, &field, OPTIONAL);
		if (id[0])
			return id;
	}
	return "other";
}

static bool leads_elsewhere(const char *target)
{
	static const char *const kinds[] = {"vgw-", "tgw-", "pcx-", "lgw-", "arn:"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(target, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

/* What leads to the internet; a route whose target is gone leads nowhere. */
static void read_route(struct loader *loader, const struct field *element, void *context)
{
	const struct field to = field_member(element, "DestinationCidrBlock");
	const struct field to_v6 = field_member(element, "DestinationIpv6CidrBlock");
	const struct field state = field_member(element, "State");
	struct route_table_facts *table = context;
	const char *target = target_of(loader, element);
	if (strcmp(read_name(loader, &state, OPTIONAL), "blackhole") == 0)
		return;
	table->leads_elsewhere |= leads_elsewhere(target);
	if (strcmp(read_name(loader, &to, OPTIONAL), "0.0.0.0/0") == 0)
		table->gateway = target;
	else if (strcmp(read_name(loader, &to_v6, OPTIONAL), "::/0") == 0)
		table->gateway_v6 = target;
}

void load_route_table_facts(struct loader *loader, const struct field *object)
{
	const struct field vpc = field_member(object, "VpcId");
	struct route_table_facts *table =
		push_by_id(loader, FACT_ROUTE_TABLE, object, "RouteTableId");
	if (!table)
		return;
	table->vpc = read_name(loader, &vpc, REQUIRED);
	table->gateway = table->gateway_v6 = "";
	read_elements(loader, object, "Associations", read_association, table);
	loader_keep(loader, &loader->names, &table->subnets, &table->subnet_count);
	read_elements(loader, object, "Routes", read_route, table);
}

const struct subnet_facts *facts_subnet(const struct facts *facts, const char *id)
{
	return facts_find(facts, FACT_SUBNET, "", id);
}

const struct vpc_facts *facts_vpc(const struct facts *facts, const char *id)
{
	return facts_find(facts, FACT_VPC, "", id);
}

const struct prefix *subnet_prefix(const struct subnet_facts *subnet, int family)
{
	for (size_t i = 0; i < subnet->prefix_count; i++)
		if (subnet->prefixes[i].family == family)
			return &subnet->prefixes[i];
	return NULL;
}

static bool has_address(const struct subnet_facts *subnet, const struct prefix *address)
{
	for (size_t i = 0; i < subnet->prefix_count; i++)
		if (prefix_contains(&subnet->prefixes[i], address))
			return true;
	return false;
}

const struct subnet_facts *subnet_at(const struct facts *facts, const struct prefix *address)
{
	const struct eks_facts *cluster = facts_eks(facts);
	size_t count;
	const struct subnet_facts *subnets = facts_of(facts, FACT_SUBNET, &count);
	for (size_t i = 0; i < count; i++)
		if (has_address(&subnets[i], address) &&
		    (!cluster || !cluster->vpc[0] || strcmp(cluster->vpc, subnets[i].vpc) == 0))
			return &subnets[i];
	return NULL;
}

static bool is_of_table(const struct route_table_facts *table, const char *subnet)
{
	for (size_t i = 0; i < table->subnet_count; i++)
		if (strcmp(table->subnets[i], subnet) == 0)
			return true;
	return false;
}

const struct route_table_facts *route_table_of(const struct facts *facts,
                                               const struct subnet_facts *subnet)
{
	const struct route_table_facts *main_table = NULL;
	size_t count;
	const struct route_table_facts *tables = facts_of(facts, FACT_ROUTE_TABLE, &count);
	for (size_t i = 0; i < count; i++) {
		if (is_of_table(&tables[i], subnet->fact.name))
			return &tables[i];
		if (tables[i].main && strcmp(tables[i].vpc, subnet->vpc) == 0)
			main_table = &tables[i];
	}
	return main_table;
}

bool is_public(const struct route_table_facts *table)
{
	return strncmp(table->gateway, "igw-", 4) == 0;
}
