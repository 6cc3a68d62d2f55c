/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/facts_pods.h"

#define CLUSTER_TAG "kubernetes.io/cluster/"
#define ANNOTATION "service.beta.kubernetes.io/aws-load-balancer-"

static bool is(const char *text, const char *word)
{
	return strcmp(text, word) == 0;
}

static const char *read_word(struct loader *loader, const struct field *parent, const char *key)
{
	const struct field field = field_member(parent, key);
	return read_name(loader, &field, OPTIONAL);
}

/* As the load balancer controller decides it; the cloud provider in the tree knows ports of nodes
 * only. */
static bool has_ip_targets(struct loader *loader, const struct field *object,
                           const struct field *spec)
{
	const struct field metadata = field_member(object, "metadata");
	const struct field annotations = read_object(loader, &metadata, "annotations", OPTIONAL);
	const char *type = read_word(loader, &annotations, ANNOTATION "type");
	const char *target = read_word(loader, &annotations, ANNOTATION "nlb-target-type");
	const char *class = read_word(loader, spec, "loadBalancerClass");
	if (is(type, "nlb-ip"))
		return true;
	return is(target, "ip") && (is(type, "external") || class[0]);
}

/* For a load balancer with security groups of its own only where somebody asks for it. */
static bool manages_rules(struct loader *loader, const struct field *object)
{
	const struct field metadata = field_member(object, "metadata");
	const struct field annotations = read_object(loader, &metadata, "annotations", OPTIONAL);
	const struct field groups = field_member(&annotations, ANNOTATION "security-groups");
	const char *asked =
		read_word(loader, &annotations, ANNOTATION "manage-backend-security-group-rules");
	return groups.value ? is(asked, "true") : !is(asked, "false");
}

void load_service_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_NOTHING);
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	struct service_facts *service = fact_push(loader, FACT_SERVICE, object, &name);
	if (!service)
		return;
	service->type = read_word(loader, &spec, "type");
	if (!service->type[0])
		service->type = "ClusterIP";
	service->external_local = is(read_word(loader, &spec, "externalTrafficPolicy"), "Local");
	service->ip_targets = has_ip_targets(loader, object, &spec);
	service->balances_pods = is(service->type, "LoadBalancer") && service->ip_targets &&
	                         manages_rules(loader, object);
	service->pods = read_equality_selector(loader, &spec, "selector");
}

void load_target_group_binding_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_NOTHING);
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	const struct field service = read_object(loader, &spec, "serviceRef", OPTIONAL);
	const struct field networking = read_object(loader, &spec, "networking", OPTIONAL);
	struct target_group_binding_facts *binding =
		fact_push(loader, FACT_TARGET_GROUP_BINDING, object, &name);
	if (!binding)
		return;
	binding->service = read_word(loader, &service, "name");
	binding->ip_targets = is(read_word(loader, &spec, "targetType"), "ip");
	binding->networking = networking.value != NULL;
}

void load_network_policy_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_NOTHING);
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	struct network_policy_facts *policy = fact_push(loader, FACT_NETWORK_POLICY, object, &name);
	if (policy)
		policy->pods = read_selector(loader, &spec, "podSelector");
}

void load_eni_config_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, false, DEFINES_NOTHING);
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	struct eni_config_facts *config = fact_push(loader, FACT_ENI_CONFIG, object, &name);
	if (!config)
		return;
	config->subnet = read_word(loader, &spec, "subnet");
	read_elements(loader, &spec, "securityGroups", read_name_element, NULL);
	loader_keep(loader, &loader->names, &config->groups, &config->group_count);
}

static void read_feature(struct loader *loader, const struct field *element, void *context)
{
	const char *name = read_word(loader, element, "name");
	struct cninode_facts *node = context;
	if (is(name, "SecurityGroupsForPods"))
		node->security_groups_for_pods = true;
	else if (is(name, "CustomNetworking"))
		node->eni_config = read_word(loader, element, "value");
}

void load_cninode_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, false, DEFINES_NOTHING);
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	struct cninode_facts *node = fact_push(loader, FACT_CNINODE, object, &name);
	if (!node)
		return;
	node->eni_config = "";
	read_elements(loader, &spec, "features", read_feature, node);
}

void load_service_account_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_NOTHING);
	(void)fact_push(loader, FACT_SERVICE_ACCOUNT, object, &name);
}

bool service_has_selector(const struct service_facts *service)
{
	return service->pods && service->pods->count > 0;
}

bool service_selects(const struct service_facts *service, const char *namespace,
                     const struct labels *labels)
{
	return service_has_selector(service) && is(service->fact.namespace, namespace) &&
	       selector_matches(service->pods, labels);
}

/* The first fact whose namespace is not before it; or, after, is behind it. */
static size_t find_edge(const struct vector *of, const char *namespace, bool after)
{
	const char *items = of->items;
	size_t low = 0, high = of->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct fact *fact = (const struct fact *)(items + middle * of->item_size);
		int order = strcmp(fact->namespace, namespace);
		if (order < 0 || (after && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void facts_of_namespace(const struct facts *facts, enum fact_kind kind, const char *namespace,
                        const void **ret, size_t *count)
{
	const struct vector *of = &facts->of[kind];
	size_t first = find_edge(of, namespace, false);
	*count = find_edge(of, namespace, true) - first;
	*ret = *count > 0 ? (const char *)of->items + first * of->item_size : NULL;
}

static struct service_facts *find_service(struct facts *facts, const char *namespace,
                                          const char *name)
{
	struct service_facts *services = facts->of[FACT_SERVICE].items;
	const struct service_facts *found = facts_find(facts, FACT_SERVICE, namespace, name);
	return found ? services + (found - services) : NULL;
}

const char *cluster_of_tags(const struct labels *tags)
{
	const char *name = label_value(tags, "cluster.k8s.amazonaws.com/name");
	for (size_t i = 0; i < tags->count; i++)
		if (strncmp(tags->items[i].key, CLUSTER_TAG, strlen(CLUSTER_TAG)) == 0 &&
		    is(tags->items[i].value, "owned"))
			return tags->items[i].key + strlen(CLUSTER_TAG);
	return name ? name : "";
}

/* "" = not known. */
static const char *find_cluster(const struct facts *facts)
{
	const struct eks_facts *eks = facts_eks(facts);
	size_t count;
	const struct pod_facts *pods = facts_of(facts, FACT_POD, &count);
	if (eks)
		return eks->fact.name;
	for (size_t i = 0; i < count; i++) {
		const struct pod *pod = pods[i].pod;
		const struct interface_facts *interface =
			pod && pod->eni ? facts_interface(facts, pod->eni->id) : NULL;
		const char *name = interface ? cluster_of_tags(&interface->tags) : "";
		if (name[0])
			return name;
	}
	return facts->cluster;
}

/* What the controller made of its Services, Ingresses and flags. */
static void settle_bindings(struct facts *facts, bool networking)
{
	const struct target_group_binding_facts *bindings =
		facts->of[FACT_TARGET_GROUP_BINDING].items;
	for (size_t i = 0; i < facts->of[FACT_TARGET_GROUP_BINDING].count; i++) {
		struct service_facts *service =
			find_service(facts, bindings[i].fact.namespace, bindings[i].service);
		if (!service || !bindings[i].ip_targets || bindings[i].networking != networking)
			continue;
		service->ip_targets = true;
		service->balances_pods = networking;
	}
}

void facts_settle_cluster(struct facts *facts)
{
	settle_bindings(facts, false);
	/* One that writes rules is enough. */
	settle_bindings(facts, true);
	facts->cluster = find_cluster(facts);
}
