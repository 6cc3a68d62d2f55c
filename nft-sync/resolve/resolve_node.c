/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "nft-sync/resolve/resolver.h"

static const char *primary_interface(const struct resolver *resolver)
{
	const char *configured = resolver->config->node.primary_interface;

	return configured[0] != '\0' ? configured : resolver->host->default_interface;
}

static int take_addresses(struct resolver *resolver, const struct prefix *addresses, size_t count)
{
	struct resolution *out = resolver->out;

	if (count == 0)
		return 0;
	out->node_addresses = arena_array(resolver->arena, count, sizeof(*addresses));
	if (out->node_addresses == NULL)
		return -ENOMEM;
	memcpy(out->node_addresses, addresses, count * sizeof(*addresses));
	out->node_address_count = count;
	return 0;
}

static size_t addresses_of_link(const struct host *host, unsigned index, struct prefix *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < host->address_count; i++) {
		if (host->addresses[i].link != index)
			continue;
		if (ret != NULL)
			ret[count] = host->addresses[i].address;
		count++;
	}
	return count;
}

static int take_link_addresses(struct resolver *resolver)
{
	struct resolution *out = resolver->out;
	const struct host_link *link = host_link(resolver->host, out->primary_interface);
	size_t count = link != NULL ? addresses_of_link(resolver->host, link->index, NULL) : 0;

	if (count == 0)
		return 0;
	out->node_addresses = arena_array(resolver->arena, count, sizeof(struct prefix));
	if (out->node_addresses == NULL)
		return -ENOMEM;
	out->node_address_count =
		addresses_of_link(resolver->host, link->index, out->node_addresses);
	return 0;
}

static int resolve_addresses(struct resolver *resolver)
{
	const struct config *config = resolver->config;
	const struct node *node;
	int ret;

	if (config->node.address_count > 0)
		return take_addresses(resolver, config->node.addresses, config->node.address_count);
	ret = take_link_addresses(resolver);
	if (ret < 0 || resolver->out->node_address_count > 0)
		return ret;
	node = model_node(resolver->model, config->node.name);
	if (node == NULL)
		return 0;
	return take_addresses(resolver, node->addresses, node->address_count);
}

static const struct network_interface *node_interface(const struct resolver *resolver)
{
	const struct resolution *out = resolver->out;
	const struct network_interface *interface = NULL;

	for (size_t i = 0; interface == NULL && i < out->node_address_count; i++)
		interface = model_interface_at(resolver->model, &out->node_addresses[i]);
	return interface;
}

/* Those of the instance are the primary interface's; a listing of the interface itself is newer. */
static const char *const *groups_of_node(const struct resolver *resolver, size_t *count)
{
	const struct config *config = resolver->config;
	const struct network_interface *interface;
	const struct instance *instance;

	*count = config->node.security_group_count;
	if (*count > 0)
		return config->node.security_groups;
	interface = node_interface(resolver);
	if (interface != NULL) {
		*count = interface->group_count;
		return interface->groups;
	}
	instance = model_instance(resolver->model);
	*count = instance != NULL ? instance->group_count : 0;
	return instance != NULL ? instance->groups : NULL;
}

static int resolve_groups(struct resolver *resolver)
{
	size_t count;
	const char *const *groups = groups_of_node(resolver, &count);

	if (count == 0)
		return 0;
	resolver->out->node_groups = resolver_copy_ids(resolver, groups, count);
	if (resolver->out->node_groups == NULL)
		return -ENOMEM;
	resolver->out->node_group_count = count;
	for (size_t i = 0; i < count; i++)
		if (model_group(resolver->model, groups[i]) == NULL)
			problems_add(
				&resolver->problems,
				"security group %s of the node is not known: it permits nothing",
				groups[i]);
	return 0;
}

static int resolve_vpc(struct resolver *resolver)
{
	struct resolution *out = resolver->out;
	const struct instance *instance = model_instance(resolver->model);
	const struct prefix *cidrs = resolver->config->vpc_cidrs;
	size_t count = resolver->config->vpc_cidr_count;

	if (count == 0 && instance != NULL) {
		cidrs = instance->vpc_cidrs;
		count = instance->vpc_cidr_count;
	}
	if (count == 0)
		return 0;
	out->vpc_cidrs = arena_array(resolver->arena, count, sizeof(*cidrs));
	if (out->vpc_cidrs == NULL)
		return -ENOMEM;
	memcpy(out->vpc_cidrs, cidrs, count * sizeof(*cidrs));
	out->vpc_cidr_count = count;
	return 0;
}

int resolve_node(struct resolver *resolver)
{
	struct resolution *out = resolver->out;
	int ret;

	out->primary_interface = arena_strdup(resolver->arena, primary_interface(resolver));
	if (out->primary_interface == NULL)
		return -ENOMEM;
	ret = resolve_addresses(resolver);
	if (ret < 0)
		return ret;
	ret = resolve_vpc(resolver);
	if (ret < 0)
		return ret;
	return resolve_groups(resolver);
}
