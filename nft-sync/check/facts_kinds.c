/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/facts_endpoints.h"
#include "nft-sync/check/facts_groups.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_kinds.h"
#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_pods.h"
#include "nft-sync/check/facts_proxy.h"
#include "nft-sync/check/facts_vpc.h"
#include "nft-sync/check/instance_types.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyz"

static const struct json_pick picked_metadata[] = {
	{"annotations", NULL}, {"labels", NULL},          {"name", NULL},
	{"namespace", NULL},   {"ownerReferences", NULL}, {0},
};
static const struct json_pick picked_spec[] = {
	{"affinity", NULL},
	{"containers", NULL},
	{"dnsConfig", NULL},
	{"dnsPolicy", NULL},
	{"externalTrafficPolicy", NULL},
	{"features", NULL},
	{"hostNetwork", NULL},
	{"initContainers", NULL},
	{"jobTemplate", NULL},
	{"loadBalancerClass", NULL},
	{"networking", NULL},
	{"nodeName", NULL},
	{"nodeSelector", NULL},
	{"os", NULL},
	{"providerID", NULL},
	{"replicas", NULL},
	{"podSelector", NULL},
	{"securityGroups", NULL},
	{"selector", NULL},
	{"serviceAccountName", NULL},
	{"serviceRef", NULL},
	{"subnet", NULL},
	{"targetType", NULL},
	{"template", NULL},
	{"terminationGracePeriodSeconds", NULL},
	{"type", NULL},
	{0},
};
static const struct json_pick picked_status[] = {
	{"addresses", NULL}, {"capacity", NULL}, {"phase", NULL}, {"startTime", NULL}, {0},
};

/* Of ConfigMaps only kube-proxy's are read. */
static const struct json_pick picked_data[] = {{"config", NULL}, {"config.conf", NULL}, {0}};
static const struct json_pick picked_object[] = {
	{"EnableDnsHostnames", NULL},
	{"EnableDnsSupport", NULL},
	{"VpcId", NULL},
	{"cluster", NULL},
	{"data", picked_data},
	{"apiVersion", NULL},
	{"kind", NULL},
	{"metadata", picked_metadata},
	{"spec", picked_spec},
	{"status", picked_status},
	{"subsets", NULL},
	{0},
};
static const struct json_pick picked_interface[] = {
	{"Attachment", NULL},
	{"Description", NULL},
	{"Groups", NULL},
	{"InterfaceType", NULL},
	{"NetworkInterfaceId", NULL},
	{"OwnerId", NULL},
	{"Status", NULL},
	{"SubnetId", NULL},
	{"TagSet", NULL},
	{"VpcId", NULL},
	{0},
};
static const struct json_pick picked_prefix_list[] = {
	{"AddressFamily", NULL},
	{"MaxEntries", NULL},
	{"OwnerId", NULL},
	{"PrefixListId", NULL},
	{"PrefixListName", NULL},
	{"Version", NULL},
	{0},
};
static const struct json_pick picked_instance_type[] = {
	{"InstanceType", NULL}, {"NetworkInfo", NULL}, {0}};
static const struct json_pick picked_lists[] = {{"items", picked_object},
                                                {"NetworkInterfaces", picked_interface},
                                                {"PrefixLists", picked_prefix_list},
                                                {"SecurityGroups", NULL},
                                                {"SecurityGroupVpcAssociations", NULL},
                                                {"StaleSecurityGroupSet", NULL},
                                                {"InstanceTypes", picked_instance_type},
                                                {"RouteTables", NULL},
                                                {"Subnets", NULL},
                                                {"Vpcs", NULL},
                                                {0}};

static void load_policy_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_NOTHING);
	(void)fact_push(loader, FACT_POLICY, object, &name);
}

/* Those of the cluster itself are asked for one by one, and say nothing of what else there is. */
static void load_daemon_set_template(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_NOTHING);
	bool *known = &fact_loader_of(loader)->facts->known[FACT_TEMPLATE], before = *known;
	load_template_facts(loader, object);
	if (strcmp(name.namespace, CNI_NAMESPACE) == 0)
		*known = before;
}

static void load_daemon_set_facts(struct loader *loader, const struct field *object)
{
	load_daemon_set_template(loader, object);
	load_cni_facts(loader, object);
	load_kube_proxy_set(loader, object);
	load_node_local_dns(loader, object);
}

static const struct loader_kind kinds[] = {
	{"Pod", "", load_pod_facts},
	{"Deployment", "apps", load_template_facts},
	{"StatefulSet", "apps", load_template_facts},
	{"DaemonSet", "apps", load_daemon_set_facts},
	{"ReplicaSet", "apps", load_template_facts},
	{"Job", "batch", load_template_facts},
	{"CronJob", "batch", load_cron_job_facts},
	{"SecurityGroupPolicy", "vpcresources.k8s.aws", load_policy_facts},
	{"CNINode", "vpcresources.k8s.aws", load_cninode_facts},
	{"ENIConfig", "crd.k8s.amazonaws.com", load_eni_config_facts},
	{"Service", "", load_service_facts},
	{"Endpoints", "", load_endpoints_facts},
	{"ServiceAccount", "", load_service_account_facts},
	{"NetworkPolicy", "networking.k8s.io", load_network_policy_facts},
	{"TargetGroupBinding", "elbv2.k8s.aws", load_target_group_binding_facts},
	{"ConfigMap", "", load_kube_proxy_map},
	{"Node", "", load_node_facts},
	{0},
};

/* Of a list without elements its own kind is all that is known, "PodList"; or, as kubectl writes
 * "List" of everything, what the file is called. */
static const struct {
	const char *list;
	enum fact_kind kind;
	const char *resource; /* NULL: a file of that name may be of one namespace */
} list_kinds[] = {
	{"PodList", FACT_POD, "pods"},
	{"DeploymentList", FACT_TEMPLATE, "deployments"},
	{"StatefulSetList", FACT_TEMPLATE, "statefulsets"},
	{"DaemonSetList", FACT_TEMPLATE, "daemonsets"},
	{"DaemonSetList", FACT_CNI, NULL},
	{"JobList", FACT_TEMPLATE, "jobs"},
	{"CronJobList", FACT_TEMPLATE, "cronjobs"},
	{"SecurityGroupPolicyList", FACT_POLICY, "securitygrouppolicies"},
	{"CNINodeList", FACT_CNINODE, "cninodes"},
	{"NodeList", FACT_NODE, "nodes"},
	{"ENIConfigList", FACT_ENI_CONFIG, "eniconfigs"},
	{"ServiceList", FACT_SERVICE, "services"},
	{"ServiceAccountList", FACT_SERVICE_ACCOUNT, "serviceaccounts"},
	{"NetworkPolicyList", FACT_NETWORK_POLICY, "networkpolicies"},
	{"TargetGroupBindingList", FACT_TARGET_GROUP_BINDING, "targetgroupbindings"},
};
#define LIST_KINDS (sizeof(list_kinds) / sizeof(list_kinds[0]))

/* Whether it is a word of the file's name: "shop-jobs,cronjobs.json" has three. */
static bool is_called(const char *path, const char *resource)
{
	const char *slash = strrchr(path, '/');
	size_t length;
	for (const char *at = slash ? slash + 1 : path; *at && *at != '.'; at += length) {
		at += strcspn(at, LETTERS);
		length = strspn(at, LETTERS);
		if (length == strlen(resource) && memcmp(at, resource, length) == 0)
			return true;
	}
	return false;
}

static void load_listed(struct loader *loader, const struct field *object)
{
	fact_loader_of(loader)->listed = true;
	load_kubernetes(loader, object);
}

static void load_kubernetes_list(struct loader *loader, const struct field *document)
{
	const struct field field = field_member(document, "kind");
	const char *kind = read_name(loader, &field, OPTIONAL);
	const char *path = loader->document->name;
	struct facts *facts = fact_loader_of(loader)->facts;
	bool unnamed = strcmp(kind, "List") == 0 && !fact_loader_of(loader)->listed;
	for (size_t i = 0; i < LIST_KINDS; i++)
		if (strcmp(kind, list_kinds[i].list) == 0 ||
		    (unnamed && list_kinds[i].resource && is_called(path, list_kinds[i].resource)))
			facts->known[list_kinds[i].kind] = true;
}

void facts_miss(struct facts *facts, const char *kind)
{
	size_t length = strlen(kind);
	for (size_t i = 0; i < LIST_KINDS; i++)
		if (strncmp(list_kinds[i].list, kind, length) == 0 &&
		    strcmp(list_kinds[i].list + length, "List") == 0)
			facts->missing[list_kinds[i].kind] = true;
}

static const struct {
	const char *list;
	enum fact_kind kind;
} ec2_lists[] = {
	{"InstanceTypes", FACT_INSTANCE_TYPE},
	{"RouteTables", FACT_ROUTE_TABLE},
	{"Subnets", FACT_SUBNET},
	{"Vpcs", FACT_VPC},
};

static void load_ec2_list(struct loader *loader, const struct field *document)
{
	struct facts *facts = fact_loader_of(loader)->facts;
	for (size_t i = 0; i < sizeof(ec2_lists) / sizeof(ec2_lists[0]); i++)
		if (field_member(document, ec2_lists[i].list).value)
			facts->known[ec2_lists[i].kind] = true;
}

static const struct loader_part parts[] = {
	{"EnableDnsHostnames", load_vpc_attribute_facts},
	{"EnableDnsSupport", load_vpc_attribute_facts},
	{"cluster", load_eks_facts},
	{0},
};

static const struct loader_list lists[] = {
	{"InstanceTypes", load_instance_type_facts, load_ec2_list},
	{"RouteTables", load_route_table_facts, load_ec2_list},
	{"Subnets", load_subnet_facts, load_ec2_list},
	{"Vpcs", load_vpc_facts, load_ec2_list},
	{"items", load_listed, load_kubernetes_list},
	{"NetworkInterfaces", load_interface_facts, load_interfaces_known},
	{"PrefixLists", load_prefix_list_facts, load_prefix_lists_known},
	{"SecurityGroups", load_group_facts, load_groups_known},
	{"SecurityGroupVpcAssociations", load_group_vpc_facts, load_group_vpcs_known},
	{"StaleSecurityGroupSet", load_stale_group_facts, load_stale_groups_known},
	{0},
};

const struct loader_reading facts_reading = {
	.picked_lists = picked_lists,
	.picked_object = picked_object,
	.lists = lists,
	.parts = parts,
	.kinds = kinds,
	.quiet = true,
};

const size_t facts_kind_sizes[FACT_KINDS] = {
	[FACT_POD] = sizeof(struct pod_facts),
	[FACT_TEMPLATE] = sizeof(struct pod_facts),
	[FACT_POLICY] = sizeof(struct policy_facts),
	[FACT_CNI] = sizeof(struct cni_facts),
	[FACT_CNINODE] = sizeof(struct cninode_facts),
	[FACT_ENI_CONFIG] = sizeof(struct eni_config_facts),
	[FACT_NETWORK_POLICY] = sizeof(struct network_policy_facts),
	[FACT_SERVICE] = sizeof(struct service_facts),
	[FACT_SERVICE_ACCOUNT] = sizeof(struct fact),
	[FACT_TARGET_GROUP_BINDING] = sizeof(struct target_group_binding_facts),
	[FACT_NODE] = sizeof(struct node_facts),
	[FACT_SUBNET] = sizeof(struct subnet_facts),
	[FACT_VPC] = sizeof(struct vpc_facts),
	[FACT_VPC_ATTRIBUTE] = sizeof(struct vpc_attribute_facts),
	[FACT_ROUTE_TABLE] = sizeof(struct route_table_facts),
	[FACT_INSTANCE_TYPE] = sizeof(struct instance_type_facts),
	[FACT_EKS] = sizeof(struct eks_facts),
	[FACT_KUBE_PROXY] = sizeof(struct kube_proxy_facts),
	[FACT_NODE_LOCAL_DNS] = sizeof(struct node_local_dns_facts),
	[FACT_GROUP] = sizeof(struct group_facts),
	[FACT_GROUP_VPC] = sizeof(struct fact),
	[FACT_STALE_GROUP] = sizeof(struct stale_group_facts),
	[FACT_PREFIX_LIST] = sizeof(struct prefix_list_facts),
	[FACT_INTERFACE] = sizeof(struct interface_facts),
	[FACT_DNS_ENDPOINTS] = sizeof(struct dns_endpoints_facts),
};
