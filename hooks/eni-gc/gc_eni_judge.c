/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/eni-gc/gc_eni_judge.h"

#define TRUNK_DESCRIPTION "aws-k8s-trunk-eni"
#define CNI_DESCRIPTION_PREFIX "aws-K8S-" /* the controller's have a small k */
#define CONTROLLER "eks-vpc-resource-controller"
#define CNI "amazon-vpc-cni"
#define VLAN_TAG "vpcresources.k8s.aws/vlan-id"
#define VLAN_MAX 4094

static const char *const kind_names[] = {
	[GC_ENI_BRANCH] = "branch",
	[GC_ENI_TRUNK] = "trunk",
	[GC_ENI_CNI] = "CNI",
	[GC_ENI_OTHER] = "other",
};

enum gc_eni_kind gc_eni_kind(const struct gc_eni *eni)
{
	if (strcmp(eni->description, GC_BRANCH_DESCRIPTION) == 0)
		return GC_ENI_BRANCH;
	if (strcmp(eni->description, TRUNK_DESCRIPTION) == 0)
		return GC_ENI_TRUNK;
	if (strncmp(eni->description, CNI_DESCRIPTION_PREFIX, strlen(CNI_DESCRIPTION_PREFIX)) == 0)
		return GC_ENI_CNI;
	return GC_ENI_OTHER;
}

const char *gc_eni_kind_name(enum gc_eni_kind kind)
{
	return kind_names[kind];
}

const char *gc_tag(const struct labels *tags, const char *key)
{
	for (size_t i = 0; i < tags->count; i++)
		if (strcmp(tags->items[i].key, key) == 0)
			return tags->items[i].value;
	return NULL;
}

static bool tag_is(const struct labels *tags, const char *key, const char *value)
{
	const char *found = gc_tag(tags, key);
	return found && strcmp(found, value) == 0;
}

unsigned gc_eni_vlan(const struct gc_eni *eni)
{
	const char *text = gc_tag(&eni->tags, VLAN_TAG);
	size_t length = text ? strspn(text, "0123456789") : 0;
	if (length == 0 || length > 4 || text[length])
		return 0;
	unsigned long vlan = strtoul(text, NULL, 10);
	return vlan <= VLAN_MAX ? (unsigned)vlan : 0;
}

bool gc_cluster_name_is_valid(const char *cluster)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-_";
	size_t length = strlen(cluster);
	return length > 0 && length <= GC_CLUSTER_MAX && strspn(cluster, letters) == length &&
	       cluster[0] != '-' && cluster[0] != '_';
}

const char *gc_cluster_tag(const char *cluster, char buffer[static GC_CLUSTER_TAG_SIZE])
{
	snprintf(buffer, GC_CLUSTER_TAG_SIZE, "%s%s", GC_CLUSTER_TAG_PREFIX, cluster);
	return buffer;
}

/* "shared" is what others may use as well, a subnet mostly. */
bool gc_is_of_cluster(const struct labels *tags, const char *cluster)
{
	char key[GC_CLUSTER_TAG_SIZE];
	return tag_is(tags, gc_cluster_tag(cluster, key), "owned") ||
	       tag_is(tags, GC_CLUSTER_NAME_TAG, cluster);
}

const char *gc_eni_use(const struct gc_eni *eni)
{
	if (eni->attached)
		return "it is attached";
	if (strcmp(eni->status, "available") != 0)
		return "it is in use";
	if (eni->requester_managed)
		return "an AWS service manages it";
	return "";
}

const char *gc_branch_doubt(const struct gc_eni *eni)
{
	if (gc_eni_kind(eni) != GC_ENI_BRANCH)
		return "its description is not " GC_BRANCH_DESCRIPTION;
	if (!tag_is(&eni->tags, GC_OWNER_TAG, CONTROLLER))
		return "its tag " GC_OWNER_TAG " is not " CONTROLLER;
	if (gc_eni_vlan(eni) == 0)
		return "it has no good tag " VLAN_TAG;
	return "";
}

const char *gc_leftover_doubt(const struct gc_eni *eni)
{
	const char *owner = gc_tag(&eni->tags, GC_OWNER_TAG);
	switch (gc_eni_kind(eni)) {
	case GC_ENI_BRANCH:
		return gc_branch_doubt(eni);
	case GC_ENI_TRUNK:
		return owner && strcmp(owner, CONTROLLER) == 0 ? ""
		                                               : "its tag " GC_OWNER_TAG
		                                                 " is not " CONTROLLER;
	case GC_ENI_CNI:
		/* Older releases do not write the owner. */
		if (!gc_tag(&eni->tags, GC_INSTANCE_TAG))
			return "it has no tag " GC_INSTANCE_TAG;
		return !owner || strcmp(owner, CNI) == 0 ? ""
		                                         : "its tag " GC_OWNER_TAG " is not " CNI;
	default:
		return "neither the VPC CNI nor the VPC resource controller made it";
	}
}
