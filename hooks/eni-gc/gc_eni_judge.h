/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_ENI_JUDGE_H
#define PODSG_GC_ENI_JUDGE_H

/*
 * Whose an interface is and whether nobody uses it, by the marks that the VPC resource controller
 * (pkg/provider/branch, pkg/aws/ec2/api/cleanup) and the VPC CNI (pkg/awsutils) leave on it. Judged
 * from one description alone; that it has been so for long enough is gc_sightings.h's.
 */

#include "hooks/eni-gc/gc_eni.h"

#define GC_BRANCH_DESCRIPTION "aws-k8s-branch-eni"
#define GC_OWNER_TAG "eks:eni:owner"
#define GC_INSTANCE_TAG "node.k8s.amazonaws.com/instance_id"
#define GC_CLUSTER_NAME_TAG "cluster.k8s.amazonaws.com/name"
#define GC_CLUSTER_TAG_PREFIX "kubernetes.io/cluster/"
#define GC_CLUSTER_MAX 100 /* characters of a cluster's name, by EKS' rule */
#define GC_CLUSTER_TAG_SIZE (sizeof(GC_CLUSTER_TAG_PREFIX) + GC_CLUSTER_MAX)

/* By description. */
enum gc_eni_kind {
	GC_ENI_BRANCH, /* of a pod; the controller's */
	GC_ENI_TRUNK,  /* of a node; the controller's */
	GC_ENI_CNI,    /* of a node, with addresses for pods; the CNI's */
	GC_ENI_OTHER,
};

enum gc_eni_kind gc_eni_kind(const struct gc_eni *eni);
const char *gc_eni_kind_name(enum gc_eni_kind kind); /* "branch", "trunk", "CNI", "other" */

const char *gc_tag(const struct labels *tags, const char *key); /* NULL: it has none of that key */
unsigned gc_eni_vlan(const struct gc_eni *eni);                 /* 0: not said */

/* Also in filters, where '*' and '?' would match others. */
bool gc_cluster_name_is_valid(const char *cluster);
const char *gc_cluster_tag(const char *cluster, char buffer[static GC_CLUSTER_TAG_SIZE]);
bool gc_is_of_cluster(const struct labels *tags, const char *cluster);

/* Why nobody may delete it whatever it is: "" = it is not in use. */
const char *gc_eni_use(const struct gc_eni *eni);

/* Why it is no leaked branch interface: "" = it is one. */
const char *gc_branch_doubt(const struct gc_eni *eni);

/* Why it is nothing that the controller or the CNI of a deleted cluster left: "" = it is. */
const char *gc_leftover_doubt(const struct gc_eni *eni);

#endif
