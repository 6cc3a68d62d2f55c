/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/check/facts_interfaces.h"

#define DEVICE_INDEX_MAX 4096

static void read_group(struct loader *loader, const struct field *group, void *context)
{
	const struct field id = field_member(group, "GroupId");
	read_name_element(loader, &id, context);
}

static void read_attachment(struct loader *loader, const struct field *object,
                            struct interface_facts *interface)
{
	const struct field attachment = read_object(loader, object, "Attachment", OPTIONAL);
	const struct field instance = field_member(&attachment, "InstanceId");
	const struct field device = field_member(&attachment, "DeviceIndex");
	const struct field card = field_member(&attachment, "NetworkCardIndex");
	interface->instance_id = read_name(loader, &instance, OPTIONAL);
	interface->device_index = read_integer(loader, &device, 0, DEVICE_INDEX_MAX, -1);
	interface->card_index = read_integer(loader, &card, 0, DEVICE_INDEX_MAX, 0);
}

void load_interface_facts(struct loader *loader, const struct field *object)
{
	const struct field owner = field_member(object, "OwnerId");
	const struct field subnet = field_member(object, "SubnetId");
	const struct field vpc = field_member(object, "VpcId");
	const struct field status = field_member(object, "Status");
	const struct field description = field_member(object, "Description");
	const struct field type = field_member(object, "InterfaceType");
	struct interface_facts *interface =
		fact_push_id(loader, FACT_INTERFACE, object, "NetworkInterfaceId");
	if (!interface)
		return;
	interface->owner = read_name(loader, &owner, OPTIONAL);
	interface->subnet_id = read_name(loader, &subnet, OPTIONAL);
	interface->vpc_id = read_name(loader, &vpc, OPTIONAL);
	interface->status = read_name(loader, &status, OPTIONAL);
	interface->description = read_string(loader, &description, OPTIONAL);
	interface->type = read_name(loader, &type, OPTIONAL);
	interface->tags = read_tags(loader, object, "TagSet");
	read_attachment(loader, object, interface);
	read_elements(loader, object, "Groups", read_group, NULL);
	loader_keep(loader, &loader->names, &interface->groups, &interface->group_count);
}

void load_interfaces_known(struct loader *loader, const struct field *document)
{
	(void)document;
	facts_know(loader, FACT_INTERFACE);
}

const struct interface_facts *facts_interface(const struct facts *facts, const char *id)
{
	return facts_find(facts, FACT_INTERFACE, "", id);
}

const struct interface_facts *facts_primary_interface(const struct facts *facts,
                                                      const char *instance_id)
{
	size_t count;
	const struct interface_facts *interfaces = facts_of(facts, FACT_INTERFACE, &count);
	for (size_t i = 0; i < count; i++)
		if (interfaces[i].device_index == 0 && interfaces[i].card_index == 0 &&
		    strcmp(interfaces[i].instance_id, instance_id) == 0)
			return &interfaces[i];
	return NULL;
}

const struct interface_facts *facts_interface_at(const struct facts *facts,
                                                 const struct prefix *address)
{
	const struct network_interface *interface = model_interface_at(facts->model, address);
	return interface ? facts_interface(facts, interface->id) : NULL;
}

static struct node_groups configured_groups(const struct config *config)
{
	return (struct node_groups){(const char *const *)config->node.security_groups,
	                            config->node.security_group_count};
}

static struct node_groups listed_groups(const struct facts *facts, const struct node *node)
{
	for (size_t i = 0; i < node->address_count; i++) {
		const struct network_interface *interface =
			model_interface_at(facts->model, &node->addresses[i]);
		if (interface && interface->group_count > 0)
			return (struct node_groups){(const char *const *)interface->groups,
			                            interface->group_count};
	}
	return (struct node_groups){0};
}

struct node_groups facts_node_groups(const struct facts *facts, const char *name)
{
	const struct config *config = facts->config;
	const struct node *node = model_node(facts->model, name);
	struct node_groups groups = {0};
	if (strcmp(name, config->node.name) == 0)
		groups = configured_groups(config);
	if (groups.count == 0 && node)
		groups = listed_groups(facts, node);
	return groups.count > 0 ? groups : configured_groups(config);
}

void facts_settle_interfaces(struct facts *facts)
{
	struct interface_facts *interfaces = facts->of[FACT_INTERFACE].items;
	for (size_t i = 0; i < facts->of[FACT_INTERFACE].count; i++)
		interfaces[i].interface = model_interface(facts->model, interfaces[i].fact.name);
}
