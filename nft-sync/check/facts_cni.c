/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/check/facts_cni.h"

#define INIT_CONTAINER "aws-vpc-cni-init"
#define NUMBER_MAX 100000 /* of a version */
#define MODE_VARIABLE "POD_SECURITY_GROUP_ENFORCING_MODE"

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
}

static void read_init_variable(struct loader *loader, const struct field *element, void *context)
{
	const struct field name = field_member(element, "name");
	const struct field value = field_member(element, "value");
	struct cni_facts *cni = context;
	if (strcmp(read_string(loader, &name, OPTIONAL), "DISABLE_TCP_EARLY_DEMUX") == 0)
		cni->early_demux_off = is_true(read_string(loader, &value, OPTIONAL));
}

/* "…/amazon-k8s-cni:v1.18.1-eksbuild.3", perhaps with "@sha256:…" behind it. */
static void read_version(const char *image, struct cni_facts *cni)
{
	const char *slash = strrchr(image, '/');
	const char *at = strchr(slash ? slash : image, ':');
	unsigned long numbers[3] = {0};
	if (!at || memchr(image, '@', (size_t)(at - image)))
		return;
	at += at[1] == 'v' ? 2 : 1;
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
	read_version(read_string(loader, &image, OPTIONAL), cni);
	read_elements(loader, container, "env", read_variable, cni);
	loader_keep(loader, &loader->prefixes, &cni->excluded, &cni->excluded_count);
}

static void read_init_container(struct loader *loader, const struct field *container, void *context)
{
	if (is_called(container, INIT_CONTAINER))
		read_elements(loader, container, "env", read_init_variable, context);
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
	cni->mode = strcmp(cni->mode_text, "standard") == 0 ? MODE_STANDARD : MODE_STRICT;
	if (!cni->veth_prefix[0])
		cni->veth_prefix = "eni";
}

const struct cni_facts *facts_cni(const struct facts *facts)
{
	return facts_find(facts, FACT_CNI, CNI_NAMESPACE, CNI_DAEMON_SET);
}

bool facts_other_cni(const struct facts *facts)
{
	return facts->known[FACT_CNI] && !facts_cni(facts);
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
