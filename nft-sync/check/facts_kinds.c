/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/check/facts_kinds.h"
#include "nft-sync/check/facts_pods.h"

static const struct json_pick picked_metadata[] = {
	{"annotations", NULL}, {"labels", NULL},          {"name", NULL},
	{"namespace", NULL},   {"ownerReferences", NULL}, {0},
};
static const struct json_pick picked_spec[] = {
	{"containers", NULL},
	{"dnsConfig", NULL},
	{"dnsPolicy", NULL},
	{"hostNetwork", NULL},
	{"initContainers", NULL},
	{"jobTemplate", NULL},
	{"nodeName", NULL},
	{"nodeSelector", NULL},
	{"os", NULL},
	{"serviceAccountName", NULL},
	{"template", NULL},
	{"terminationGracePeriodSeconds", NULL},
	{0},
};
static const struct json_pick picked_status[] = {{"phase", NULL}, {0}};
static const struct json_pick picked_object[] = {
	{"apiVersion", NULL},          {"kind", NULL},
	{"metadata", picked_metadata}, {"spec", picked_spec},
	{"status", picked_status},     {0},
};
static const struct json_pick picked_lists[] = {{"items", picked_object}, {0}};

static void load_policy_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_NOTHING);
	(void)fact_push(loader, FACT_POLICY, object, &name);
}

static const struct loader_kind kinds[] = {
	{"Pod", "", load_pod_facts},
	{"Deployment", "apps", load_template_facts},
	{"StatefulSet", "apps", load_template_facts},
	{"DaemonSet", "apps", load_template_facts},
	{"ReplicaSet", "apps", load_template_facts},
	{"Job", "batch", load_template_facts},
	{"CronJob", "batch", load_cron_job_facts},
	{"SecurityGroupPolicy", "vpcresources.k8s.aws", load_policy_facts},
	{0},
};

/* Of a list without elements its own kind is all that is known: "PodList". */
static const struct {
	const char *list;
	enum fact_kind kind;
} list_kinds[] = {
	{"PodList", FACT_POD},
	{"DeploymentList", FACT_TEMPLATE},
	{"StatefulSetList", FACT_TEMPLATE},
	{"DaemonSetList", FACT_TEMPLATE},
	{"JobList", FACT_TEMPLATE},
	{"CronJobList", FACT_TEMPLATE},
	{"SecurityGroupPolicyList", FACT_POLICY},
};

static void load_kubernetes_list(struct loader *loader, const struct field *document)
{
	const struct field field = field_member(document, "kind");
	const char *kind = read_name(loader, &field, OPTIONAL);
	struct facts *facts = fact_loader_of(loader)->facts;
	for (size_t i = 0; i < sizeof(list_kinds) / sizeof(list_kinds[0]); i++)
		if (strcmp(kind, list_kinds[i].list) == 0)
			facts->known[list_kinds[i].kind] = true;
}

static const struct loader_list lists[] = {
	{"items", load_kubernetes, load_kubernetes_list},
	{0},
};

const struct loader_reading facts_reading = {
	.picked_lists = picked_lists,
	.picked_object = picked_object,
	.lists = lists,
	.kinds = kinds,
	.quiet = true,
};

const size_t facts_kind_sizes[FACT_KINDS] = {
	[FACT_POD] = sizeof(struct pod_facts),
	[FACT_TEMPLATE] = sizeof(struct pod_facts),
	[FACT_POLICY] = sizeof(struct policy_facts),
};
