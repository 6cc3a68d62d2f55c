/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_PODS_H
#define PODSG_FACTS_PODS_H

#include "nft-sync/check/facts.h"

#define GRACE_PERIOD_DEFAULT 30 /* seconds, of Kubernetes */

/* Hooks of a container's life are asked as probes are. */
enum probe_kind {
	PROBE_LIVENESS,
	PROBE_READINESS,
	PROBE_STARTUP,
	PROBE_POST_START,
	PROBE_PRE_STOP,
};

/* A probe that kubelet makes over the network; those that run a command are not kept. */
struct probe {
	enum probe_kind kind;
	const char *way; /* "httpGet", "tcpSocket", "grpc" */
	const char *container;
	const char *host;      /* "" = the pod itself */
	const char *port_name; /* "" = a number is written */
	uint16_t port;         /* 0: no port of the container has that name */
};

/* What the policies, or the pod's ENI, give it. */
struct pod_facts_groups {
	const char **ids;
	size_t count;
	const char **policy_ids; /* what the policies say now */
	size_t policy_count;
	bool from_eni;
	bool missing_service_account; /* a policy asked for its labels */
};

/* A pod, or the pods that a template makes. */
struct pod_facts {
	struct fact fact; /* of the pod, or of what holds the template */
	const char *kind; /* "Pod", "Deployment", "StatefulSet", … */
	struct labels labels;
	const char *service_account;
	const char *node;  /* "" = not placed yet */
	const char *phase; /* "" of a template */
	int64_t started;   /* seconds since 1970, when its kubelet saw it; 0: not said, or never */
	const char *owner_kind; /* of its controller; "" = none */
	const char *owner_name;
	bool host_network;
	bool windows;                   /* its nodeSelector, spec.os or node says so */
	bool fargate;                   /* a label, its annotation or its node says so */
	const char *fargate_groups;     /* ids with commas, of the annotation; "" = none */
	bool auto_mode;                 /* its nodeSelector or node is of EKS Auto Mode */
	bool pod_identity;              /* it has its AWS credentials from EKS Pod Identity */
	struct selector *node_selector; /* NULL: it has none */
	struct selector *
		*node_terms; /* of its affinity: one of them has to match its node's labels */
	size_t node_term_count;
	int replicas;        /* pods that a Deployment or StatefulSet wants; 0 of others */
	bool placed;         /* of a template: pods of it are on nodes */
	int grace;           /* seconds; below 0: not said */
	unsigned eni_wanted; /* vpc.amazonaws.com/pod-eni, of all containers */
	const char *dns_policy;
	struct prefix *nameservers; /* dnsConfig */
	size_t nameserver_count;
	struct probe *probes;
	size_t probe_count;
	const struct pod *pod;          /* in the model; NULL of a template */
	struct pod_facts_groups groups; /* none: it has no branch interface */
};

const char *probe_kind_name(enum probe_kind kind); /* "liveness probe", "preStop hook" */

/* It has groups. One that policies match may be one that can't have any: then only policy_ids says
 * so. */
bool has_groups(const struct pod_facts *pod);
/* It has run to its end: it holds nothing any more. */
bool is_finished(const struct pod_facts *pod);
/* It is, or will be, on the node and in the namespace that are judged, and is not finished. */
bool is_judged(const struct facts *facts, const struct pod_facts *pod);

/* The template that it was made from, where that is known; else NULL. What is wrong with a template
 * is said of the template only. */
const struct pod_facts *template_of(const struct facts *facts, const struct pod_facts *pod);

void load_pod_facts(struct loader *loader, const struct field *object);
void load_template_facts(struct loader *loader, const struct field *object);
void load_cron_job_facts(struct loader *loader, const struct field *object);

int facts_settle_pods(struct facts *facts);

#endif
