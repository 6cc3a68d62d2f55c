/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_pods.h"

#define INIT_CONTAINER "aws-vpc-cni-init"
#define NUMBER_MAX 100000 /* of a version, and of interfaces */
#define MODE_VARIABLE "POD_SECURITY_GROUP_ENFORCING_MODE"

const struct cni_version cni_has_mode = {1, 11, 0};

/* What strconv.ParseBool takes for true; the CNI takes the rest for its default. */
static bool is_true(const char *text)
{
	static const char *const words[] = {"1", "t", "T", "true", "TRUE", "True"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

static const struct {
	const char *variable;
	size_t offset;
} flags[] = {
	{"ENABLE_POD_ENI", offsetof(struct cni_facts, pod_eni)},
	{"ENABLE_IPv6", offsetof(struct cni_facts, ipv6)},
	{"AWS_VPC_K8S_CNI_EXTERNALSNAT", offsetof(struct cni_facts, external_snat)},
	{"ENABLE_PREFIX_DELEGATION", offsetof(struct cni_facts, prefix_delegation)},
	{"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", offsetof(struct cni_facts, custom_networking)},
};

static void read_flag_variable(struct loader *loader, const char *variable,
                               const struct field *value, struct cni_facts *cni)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(variable, flags[i].variable) == 0)
			*(bool *)((char *)cni + flags[i].offset) =
				is_true(read_string(loader, value, OPTIONAL));
}

/* "v1.18.1-eksbuild.3"; what is no version says nothing. */
static void read_version(const char *text, struct cni_facts *cni)
{
	const char *at = text + (*text == 'v');
	unsigned long numbers[3] = {0};
	for (size_t i = 0; i < 3 && *at >= '0' && *at <= '9'; i++) {
		char *end;
		numbers[i] = strtoul(at, &end, 10);
		if (numbers[i] > NUMBER_MAX)
			return;
		at = *end == '.' ? end + 1 : "";
	}
	cni->version = (struct cni_version){(unsigned)numbers[0], (unsigned)numbers[1],
	                                    (unsigned)numbers[2]};
}

/* "…/amazon-k8s-cni:v1.18.1-eksbuild.3", perhaps with "@sha256:…" behind it, or that alone. */
static void read_image(const char *image, struct cni_facts *cni)
{
	const char *slash = strrchr(image, '/');
	const char *tag = strchr(slash ? slash : image, ':');
	if (tag && !memchr(image, '@', (size_t)(tag - image)))
		read_version(tag + 1, cni);
}

/* 0, below or no number at all: the CNI goes by its default. */
static int read_count(const char *text)
{
	char *end;
	long count = strtol(text, &end, 10);
	return end != text && !*end && count > 0 && count <= NUMBER_MAX ? (int)count : 0;
}

static void read_variable(struct loader *loader, const struct field *element, void *context)
{
	const struct field name = field_member(element, "name");
	const struct field value = field_member(element, "value");
	const char *variable = read_string(loader, &name, OPTIONAL);
	struct cni_facts *cni = context;
	read_flag_variable(loader, variable, &value, cni);
	if (strcmp(variable, MODE_VARIABLE) == 0)
		cni->mode_text = read_string(loader, &value, OPTIONAL);
	else if (strcmp(variable, "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS") == 0)
		read_prefix_words(loader, read_string(loader, &value, OPTIONAL));
	else if (strcmp(variable, "AWS_VPC_K8S_CNI_VETHPREFIX") == 0)
		cni->veth_prefix = read_name(loader, &value, OPTIONAL);
	else if (strcmp(variable, "MAX_ENI") == 0)
		cni->max_enis = read_count(read_string(loader, &value, OPTIONAL));
	else if (strcmp(variable, "VPC_CNI_VERSION") == 0 && !cni_has_version(cni))
		read_version(read_string(loader, &value, OPTIONAL), cni);
}

static void read_init_variable(struct loader *loader, const struct field *element, void *context)
{
	const struct field name = field_member(element, "name");
	const struct field value = field_member(element, "value");
	struct cni_facts *cni = context;
	if (strcmp(read_string(loader, &name, OPTIONAL), "DISABLE_TCP_EARLY_DEMUX") == 0)
		cni->early_demux_off = is_true(read_string(loader, &value, OPTIONAL));
}

static bool is_called(const struct field *container, const char *name)
{
	const struct field field = field_member(container, "name");
	return cJSON_IsString(field.value) && strcmp(field.value->valuestring, name) == 0;
}

static void read_container(struct loader *loader, const struct field *container, void *context)
{
	const struct field image = field_member(container, "image");
	struct cni_facts *cni = context;
	if (!is_called(container, CNI_DAEMON_SET))
		return;
	read_image(read_string(loader, &image, OPTIONAL), cni);
	read_elements(loader, container, "env", read_variable, cni);
	loader_keep(loader, &loader->prefixes, &cni->excluded, &cni->excluded_count);
}

static void read_init_container(struct loader *loader, const struct field *container, void *context)
{
	if (is_called(container, INIT_CONTAINER))
		read_elements(loader, container, "env", read_init_variable, context);
}

static enum mode mode_of(const struct cni_facts *cni)
{
	bool standard = strcmp(cni->mode_text, "standard") == 0;
	return standard && !cni_is_before(cni, &cni_has_mode) ? MODE_STANDARD : MODE_STRICT;
}

void load_cni_facts(struct loader *loader, const struct field *daemon_set)
{
	const struct object_name name = read_object_name(loader, daemon_set, true, DEFINES_NOTHING);
	const struct field spec = read_object(loader, daemon_set, "spec", OPTIONAL);
	const struct field template = read_object(loader, &spec, "template", OPTIONAL);
	const struct field pod_spec = read_object(loader, &template, "spec", OPTIONAL);
	struct cni_facts *cni;
	if (strcmp(name.namespace, CNI_NAMESPACE) != 0 || strcmp(name.name, CNI_DAEMON_SET) != 0)
		return;
	cni = fact_push(loader, FACT_CNI, daemon_set, &name);
	if (!cni)
		return;
	cni->mode_text = "";
	cni->veth_prefix = "";
	read_elements(loader, &pod_spec, "containers", read_container, cni);
	read_elements(loader, &pod_spec, "initContainers", read_init_container, cni);
	cni->mode = mode_of(cni);
	if (!cni->veth_prefix[0])
		cni->veth_prefix = "eni";
}

const struct cni_facts *facts_cni(const struct facts *facts)
{
	return facts_find(facts, FACT_CNI, CNI_NAMESPACE, CNI_DAEMON_SET);
}

static bool is_other_agent(const char *name)
{
	static const char *const names[] = {"antrea-agent",    "calico-node", "cilium",
	                                    "kube-flannel-ds", "kube-router", "weave-net"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* kubectl calls every list "List". Another CNI may work beside the VPC CNI, in a namespace of its
 * own: only with others of kube-system would aws-node be among the DaemonSets. */
static bool has_other_agent(const struct facts *facts)
{
	size_t count;
	const struct pod_facts *templates = facts_of(facts, FACT_TEMPLATE, &count);
	bool agent = false, others = false;
	for (size_t i = 0; i < count; i++) {
		const struct fact *fact = &templates[i].fact;
		if (strcmp(templates[i].kind, "DaemonSet") != 0)
			continue;
		if (is_other_agent(fact->name))
			agent = true;
		else
			others |= strcmp(fact->namespace, CNI_NAMESPACE) == 0;
	}
	return agent && others;
}

bool facts_other_cni(const struct facts *facts)
{
	if (facts_cni(facts))
		return false;
	return facts->known[FACT_CNI] || is_elsewhere(facts) || has_other_agent(facts);
}

bool facts_ipv6(const struct facts *facts)
{
	const struct cni_facts *cni = facts_cni(facts);
	const struct eks_facts *eks = facts_eks(facts);
	return (cni && cni->ipv6) || (eks && eks->ipv6);
}

bool cni_has_version(const struct cni_facts *cni)
{
	const struct cni_version *own = &cni->version;
	return own->major > 0 || own->minor > 0 || own->patch > 0;
}

bool cni_is_before(const struct cni_facts *cni, const struct cni_version *version)
{
	const struct cni_version *own = &cni->version;
	if (!cni_has_version(cni))
		return false;
	if (own->major != version->major)
		return own->major < version->major;
	return own->minor != version->minor ? own->minor < version->minor
	                                    : own->patch < version->patch;
}
