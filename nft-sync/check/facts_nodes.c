/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/check/facts_nodes.h"

#define CAPACITY_MAX 100000

/* Of a node it is a plain number in quotes. */
static int read_capacity(struct loader *loader, const struct field *capacity, const char *resource)
{
	const struct field field = field_member(capacity, resource);
	char *end;
	if (!cJSON_IsString(field.value))
		return read_integer(loader, &field, 0, CAPACITY_MAX, -1);
	const char *text = read_name(loader, &field, REQUIRED);
	unsigned long number = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || number > CAPACITY_MAX)
		loader_refuse(loader, -EINVAL, &field, "expected a whole number up to %d",
		              CAPACITY_MAX);
	return (int)number;
}

static void read_node_address(struct loader *loader, const struct field *element, void *context)
{
	const struct field type = field_member(element, "type");
	const struct field field = field_member(element, "address");
	const char *of_type = read_name(loader, &type, REQUIRED);
	struct node_facts *node = context;
	struct prefix address, *place;
	node->public_address |= strcmp(of_type, "ExternalIP") == 0;
	if (strcmp(of_type, "InternalIP") != 0 ||
	    !read_address(loader, &field, AF_UNSPEC, &address))
		return;
	place = loader_push(loader, &loader->prefixes);
	if (place)
		*place = address;
}

/* "aws:///us-west-2a/i-0123456789abcdef0" */
static const char *instance_of(const char *provider_id)
{
	const char *slash = strrchr(provider_id, '/');
	return slash && strncmp(slash, "/i-", 3) == 0 ? slash + 1 : "";
}

const char *node_label(const struct node_facts *node, const char *key)
{
	const char *value = label_value(&node->labels, key);
	return value ? value : "";
}

static void read_node_labels(struct loader *loader, const struct field *object,
                             struct node_facts *node)
{
	node->labels = read_labels(loader, object);
	node->instance_type = node_label(node, "node.kubernetes.io/instance-type");
	node->zone = node_label(node, "topology.kubernetes.io/zone");
	node->os = node_label(node, "kubernetes.io/os");
	node->compute_type = node_label(node, "eks.amazonaws.com/compute-type");
}

void load_node_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, false, DEFINES_NOTHING);
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	const struct field status = read_object(loader, object, "status", OPTIONAL);
	const struct field capacity = read_object(loader, &status, "capacity", OPTIONAL);
	const struct field provider = field_member(&spec, "providerID");
	struct node_facts *node = fact_push(loader, FACT_NODE, object, &name);
	if (!node)
		return;
	read_node_labels(loader, object, node);
	node->instance_id = instance_of(read_name(loader, &provider, OPTIONAL));
	read_elements(loader, &status, "addresses", read_node_address, node);
	loader_keep(loader, &loader->prefixes, &node->addresses, &node->address_count);
	node->pods = read_capacity(loader, &capacity, "pods");
	node->pod_enis = read_capacity(loader, &capacity, "vpc.amazonaws.com/pod-eni");
}

const struct node_facts *facts_node(const struct facts *facts, const char *name)
{
	return facts_find(facts, FACT_NODE, "", name);
}

bool is_node_judged(const struct facts *facts, const struct node_facts *node)
{
	return !facts->node[0] || strcmp(facts->node, node->fact.name) == 0;
}

bool is_elsewhere(const struct facts *facts)
{
	size_t count;
	const struct node_facts *nodes = facts_of(facts, FACT_NODE, &count);
	for (size_t i = 0; i < count; i++)
		if (nodes[i].instance_id[0] || nodes[i].compute_type[0])
			return false;
	return count > 0;
}

bool is_vpc_cni_node(const struct node_facts *node)
{
	bool is_own = !node->compute_type[0] || strcmp(node->compute_type, "ec2") == 0;
	return node->instance_id[0] && strcmp(node->os, "windows") != 0 && is_own;
}
