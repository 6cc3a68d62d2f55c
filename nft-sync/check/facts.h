/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_H
#define PODSG_FACTS_H

/*
 * What `podsgctl check` judges: the model, as nft-sync has it, and of the same documents all that
 * the model does not need. Plain data, read-only once facts_settle() has run.
 *
 * Where an object is in several documents, the one whose document came last is a fact.
 */

#include "common/config.h"
#include "common/document.h"
#include "common/loader.h"
#include "nft-sync/model/model.h"

#define FACTS_DOCUMENTS_MAX 1024

/* What every fact begins with, and what a finding says of where it is. */
struct fact {
	const char *namespace; /* "" = it has none */
	const char *name;      /* or the id that EC2 gave */
	const char *file;      /* or the list of a live source: "kubernetes/pods" */
	unsigned line;         /* 0: of a live source, or not known */
};

enum fact_kind {
	FACT_POD,      /* struct pod_facts, see facts_pods.h */
	FACT_TEMPLATE, /* struct pod_facts: of a Deployment, a StatefulSet, … */
	FACT_POLICY,   /* struct policy_facts */
	FACT_CNI,      /* struct cni_facts */
	FACT_CNINODE,  /* struct cninode_facts, see facts_cluster.h */
	FACT_ENI_CONFIG,
	FACT_NETWORK_POLICY,
	FACT_SERVICE,
	FACT_SERVICE_ACCOUNT, /* struct fact: what it says is in the model */
	FACT_TARGET_GROUP_BINDING,
	FACT_KUBE_PROXY,     /* struct kube_proxy_facts, see facts_proxy.h */
	FACT_NODE_LOCAL_DNS, /* struct node_local_dns_facts, likewise */
	FACT_GROUP,          /* struct group_facts, see facts_groups.h */
	FACT_STALE_GROUP,
	FACT_GROUP_VPC, /* struct fact: a group that is associated with another VPC */
	FACT_PREFIX_LIST,
	FACT_INTERFACE,     /* struct interface_facts, see facts_interfaces.h */
	FACT_DNS_ENDPOINTS, /* struct dns_endpoints_facts, see facts_endpoints.h */
	FACT_NODE,          /* struct node_facts, see facts_nodes.h */
	FACT_SUBNET,        /* struct subnet_facts, see facts_vpc.h */
	FACT_VPC,           /* struct vpc_facts, likewise */
	FACT_VPC_ATTRIBUTE, /* struct vpc_attribute_facts, likewise */
	FACT_ROUTE_TABLE,   /* struct route_table_facts, likewise */
	FACT_INSTANCE_TYPE, /* struct instance_type_facts, see instance_types.h */
	FACT_EKS,           /* struct eks_facts, see facts_eks.h */
	FACT_KINDS
};

/* What a SecurityGroupPolicy is in the model; NULL: refused there. */
struct policy_facts {
	struct fact fact;
	const struct security_group_policy *policy;
};

struct facts {
	struct model *model;         /* of the same documents; not owned */
	const struct config *config; /* not owned; its defaults, where there is no file */
	const char *node;            /* the node that is judged, "" = all that are known */
	bool here;                   /* that node is this machine, which may be asked, too */
	const char *namespace;       /* likewise; "" = all */
	const char *cni_directory;   /* of this machine; "" where it is not judged */
	const char *cni_binaries;
	const char *cluster; /* its name, as given or found out; "" = not known */
	const char *live;    /* the list of a live source that is being put; NULL: a file is */
	struct vector of[FACT_KINDS];
	bool known[FACT_KINDS]; /* a document speaks of that kind, if only to say that there is none
	                         */
	/* Kinds that a live source has lists of that it withholds, and those that files told of. */
	bool missing[FACT_KINDS], told[FACT_KINDS];
	struct vector withheld;  /* struct withheld, see facts_withheld.h */
	struct vector documents; /* struct document *: owns the strings */
	struct arena *arena;     /* of what facts_settle() finds out */
};

/* Arguments outlive the facts. -ENOMEM. */
int facts_open(struct facts *facts, struct model *model, const struct config *config,
               struct error *err);
void facts_close(struct facts *facts);

/* Takes from the text what the model does not. Refused as a whole, as document_parse() does. */
int facts_put(struct facts *facts, const char *name, enum document_format format, const char *text,
              size_t length, struct error *err);

/* No more documents come: sorts by namespace and name, and sees what belongs together. -ENOMEM. */
int facts_settle(struct facts *facts, struct error *err);

/* Sorted by namespace and name. *count may be 0 of a kind that is known. */
const void *facts_of(const struct facts *facts, enum fact_kind kind, size_t *count);
/* NULL: there is none of this name. */
const void *facts_find(const struct facts *facts, enum fact_kind kind, const char *namespace,
                       const char *name);

/* For the readers: a loader whose facts these are. */
struct fact_loader {
	struct loader loader;
	struct facts *facts;
	struct vector probes; /* of the object at hand, empty between objects */
	bool listed;          /* a Kubernetes list of the document has elements */
};

struct fact_loader *fact_loader_of(struct loader *loader);

/* A zeroed fact of that kind with its place; NULL if it failed. */
void *fact_push(struct loader *loader, enum fact_kind kind, const struct field *object,
                const struct object_name *name);

/* Likewise of an object of EC2, whose id is in key. */
void *fact_push_id(struct loader *loader, enum fact_kind kind, const struct field *object,
                   const char *key);

/* A document has the list of that kind, though it may be empty. */
void facts_know(struct loader *loader, enum fact_kind kind);

/* EC2's [{"Key": …, "Value": …}], in the object's member of that name. */
struct labels read_tags(struct loader *loader, const struct field *object, const char *key);

/* Pushes to loader->prefixes those of "10.0.0.0/8, 172.16.0.0/12"; what is none is passed over. */
void read_prefix_words(struct loader *loader, const char *text);

#endif
