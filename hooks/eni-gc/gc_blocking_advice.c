/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "hooks/eni-gc/gc_blocking.h"
#include "hooks/eni-gc/gc_eni_judge.h"

#define CLUSTER_SIZE (GC_CLUSTER_MAX + 1)

#define ENDPOINT                                                                                   \
	"a VPC endpoint: give it other groups (aws ec2 modify-vpc-endpoint "                       \
	"--remove-security-group-ids), or delete it"
#define LOAD_BALANCER                                                                              \
	"a load balancer: give it other groups (aws elbv2 set-security-groups, aws elb "           \
	"apply-security-groups-to-load-balancer), or delete it"
#define LAMBDA                                                                                     \
	"a Lambda function in the VPC: give it other groups (aws lambda "                          \
	"update-function-configuration --vpc-config), or delete it; its interface goes later"

/* Interfaces that AWS services make, by type (API_NetworkInterface) or by what they write into the
 * description. */
static const struct service {
	const char *type;        /* NULL: any */
	const char *description; /* how it begins; NULL: any */
	const char *advice;
} services[] = {
	{NULL, "Amazon EKS ",
         "the control plane of an EKS cluster: give it other groups "
         "(aws eks update-cluster-config), or delete it"},
	{"vpc_endpoint", NULL, ENDPOINT},
	{NULL, "VPC Endpoint Interface ", ENDPOINT},
	{"network_load_balancer", NULL, LOAD_BALANCER},
	{NULL, "ELB ", LOAD_BALANCER},
	{"lambda", NULL, LAMBDA},
	{NULL, "AWS Lambda VPC ENI", LAMBDA},
	{NULL, "RDSNetworkInterface",
         "a database of RDS: give it other groups (aws rds modify-db-instance "
         "--vpc-security-group-ids), or delete it"},
	{NULL, "EFS mount target for ",
         "a mount target of EFS: give it other groups (aws efs "
         "modify-mount-target-security-groups), or delete it"},
	{NULL, "ElastiCache ",
         "a cache of ElastiCache: give it other groups (aws elasticache modify-cache-cluster "
         "--security-group-ids), or delete it"},
};

static const char *service_advice(const struct gc_eni *eni)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		const struct service *service = &services[i];
		const char *begin = service->description;
		if ((!service->type || strcmp(service->type, eni->type) == 0) &&
		    (!begin || strncmp(begin, eni->description, strlen(begin)) == 0))
			return service->advice;
	}
	return NULL;
}

/* By its tags; "NAME" where they do not say. */
static const char *cluster_of(const struct gc_eni *eni, char buffer[static CLUSTER_SIZE])
{
	const size_t prefix = strlen(GC_CLUSTER_TAG_PREFIX);
	const char *name = gc_tag(&eni->tags, GC_CLUSTER_NAME_TAG);
	for (size_t i = 0; !name && i < eni->tags.count; i++)
		if (strncmp(eni->tags.items[i].key, GC_CLUSTER_TAG_PREFIX, prefix) == 0)
			name = eni->tags.items[i].key + prefix;
	if (!name || !gc_cluster_name_is_valid(name))
		name = "NAME";
	snprintf(buffer, CLUSTER_SIZE, "%s", name);
	return buffer;
}

static void advise_unused(const struct gc_eni *eni, char buffer[static GC_ADVICE_SIZE])
{
	char cluster[CLUSTER_SIZE];
	if (gc_branch_doubt(eni)[0] == '\0')
		snprintf(buffer, GC_ADVICE_SIZE,
		         "leaked: podsg-eni-gc enis --cluster %s deletes it, or --deleted-cluster",
		         cluster_of(eni, cluster));
	else if (gc_leftover_doubt(eni)[0] == '\0')
		snprintf(buffer, GC_ADVICE_SIZE,
		         "nobody uses it: aws ec2 delete-network-interface --network-interface-id "
		         "%s; "
		         "if the cluster is deleted, podsg-eni-gc enis --deleted-cluster %s",
		         eni->id, cluster_of(eni, cluster));
	else
		snprintf(buffer, GC_ADVICE_SIZE,
		         "nobody uses it: aws ec2 delete-network-interface --network-interface-id "
		         "%s",
		         eni->id);
}

static const char *kubernetes_advice(enum gc_eni_kind kind)
{
	switch (kind) {
	case GC_ENI_BRANCH:
		return "a pod's: take the group out of its SecurityGroupPolicy and create the pod "
		       "anew; where the pod is gone, the controller deletes it after its cool-down";
	case GC_ENI_TRUNK:
		return "a node's trunk, with the groups of its first interface when it joined: "
		       "replace the node";
	case GC_ENI_CNI:
		return "a node's, with addresses for pods: change the node's groups, which the VPC "
		       "CNI copies, or replace the node";
	default:
		return NULL;
	}
}

const char *gc_blocking_advice(const struct gc_eni *eni, char buffer[static GC_ADVICE_SIZE])
{
	const char *advice = kubernetes_advice(gc_eni_kind(eni));
	if (gc_eni_use(eni)[0] == '\0') {
		advise_unused(eni, buffer);
		return buffer;
	}
	if (!advice)
		advice = service_advice(eni);
	if (advice)
		snprintf(buffer, GC_ADVICE_SIZE, "%s", advice);
	else if (eni->requester_managed)
		snprintf(
			buffer, GC_ADVICE_SIZE,
			"managed by %.64s: give that service's resource other groups, or delete it",
			eni->requester[0] ? eni->requester : "an AWS service");
	else
		snprintf(buffer, GC_ADVICE_SIZE,
		         "give it other groups (aws ec2 modify-network-interface-attribute "
		         "--network-interface-id %s --groups ...)%s",
		         eni->id, eni->primary ? ", or terminate the instance" : ", or detach it");
	return buffer;
}
