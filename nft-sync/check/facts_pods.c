/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/check/placement.h"

#define ENI_RESOURCE "vpc.amazonaws.com/pod-eni"
#define ENI_WANTED_MAX 1000
#define REPLICAS_MAX 1000000

static const char *const probe_names[] = {"livenessProbe", "readinessProbe", "startupProbe",
                                          "postStart", "preStop"};
static const char *const probe_ways[] = {"httpGet", "tcpSocket", "grpc"};

const char *probe_kind_name(enum probe_kind kind)
{
	static const char *const names[] = {"liveness probe", "readiness probe", "startup probe",
	                                    "postStart hook", "preStop hook"};
	return names[kind];
}

/* 0: none of this name. */
static uint16_t named_port(struct loader *loader, const struct field *container, const char *name)
{
	const struct field ports = field_member(container, "ports");
	const cJSON *port;
	size_t index = 0;
	cJSON_ArrayForEach (port, ports.value) {
		const struct field element = field_element(&ports, index++, port);
		const struct field field = field_member(&element, "name");
		const struct field number = field_member(&element, "containerPort");
		if (strcmp(read_name(loader, &field, OPTIONAL), name) == 0)
			return (uint16_t)read_integer(loader, &number, 1, 65535, 0);
	}
	return 0;
}

/* "IntOrString": a number, a name, or a number in quotes. */
static void read_port(struct loader *loader, const struct field *container,
                      const struct field *port, struct probe *probe)
{
	char *end;
	if (!cJSON_IsString(port->value)) {
		probe->port = (uint16_t)read_integer(loader, port, 1, 65535, 0);
		probe->port_name = "";
		return;
	}
	const char *name = read_name(loader, port, REQUIRED);
	long number = strtol(name, &end, 10);
	bool plain = *name && !*end && number >= 1 && number <= 65535;
	probe->port_name = plain ? "" : name;
	probe->port = plain ? (uint16_t)number : named_port(loader, container, name);
}

/* parent: what has the probe, or the hook: of hooks kubelet makes httpGet only. */
static void read_probe(struct loader *loader, const struct field *container,
                       const struct field *parent, enum probe_kind kind)
{
	const struct field field = read_object(loader, parent, probe_names[kind], OPTIONAL);
	size_t ways = kind >= PROBE_POST_START ? 1 : sizeof(probe_ways) / sizeof(probe_ways[0]);
	for (size_t i = 0; i < ways; i++) {
		const struct field way = read_object(loader, &field, probe_ways[i], OPTIONAL);
		const struct field port = field_member(&way, "port");
		const struct field host = field_member(&way, "host");
		const struct field name = field_member(container, "name");
		struct probe *probe;
		if (!way.value)
			continue;
		probe = loader_push(loader, &fact_loader_of(loader)->probes);
		if (!probe)
			return;
		*probe = (struct probe){.kind = kind, .way = probe_ways[i]};
		probe->container = read_name(loader, &name, OPTIONAL);
		probe->host = read_name(loader, &host, OPTIONAL);
		read_port(loader, container, &port, probe);
	}
}

/* The admission webhook writes a string; a person may write a number. */
static unsigned wanted_enis(struct loader *loader, const struct field *container)
{
	const struct field resources = read_object(loader, container, "resources", OPTIONAL);
	const struct field limits = read_object(loader, &resources, "limits", OPTIONAL);
	const struct field wanted = field_member(&limits, ENI_RESOURCE);
	if (!cJSON_IsString(wanted.value))
		return (unsigned)read_integer(loader, &wanted, 0, ENI_WANTED_MAX, 0);
	unsigned long number = strtoul(read_name(loader, &wanted, OPTIONAL), NULL, 10);
	return number <= ENI_WANTED_MAX ? (unsigned)number : ENI_WANTED_MAX;
}

static bool is_text(const struct field *field, const char *text)
{
	return cJSON_IsString(field->value) && strcmp(field->value->valuestring, text) == 0;
}

/* What the agent's webhook puts into a pod; other agents have other addresses. */
static void read_variable(struct loader *loader, const struct field *element, void *context)
{
	const struct field name = field_member(element, "name");
	const struct field value = field_member(element, "value");
	bool *pod_identity = context;
	(void)loader;
	if (is_text(&name, "AWS_CONTAINER_CREDENTIALS_FULL_URI") && cJSON_IsString(value.value) &&
	    (strstr(value.value->valuestring, "169.254.170.23") ||
	     strstr(value.value->valuestring, "fd00:ec2::23")))
		*pod_identity = true;
}

static void read_container(struct loader *loader, const struct field *container, void *context)
{
	const struct field lifecycle = read_object(loader, container, "lifecycle", OPTIONAL);
	struct pod_facts *pod = context;
	pod->eni_wanted += wanted_enis(loader, container);
	read_elements(loader, container, "env", read_variable, &pod->pod_identity);
	for (enum probe_kind kind = PROBE_LIVENESS; kind <= PROBE_STARTUP; kind++)
		read_probe(loader, container, container, kind);
	for (enum probe_kind kind = PROBE_POST_START; kind <= PROBE_PRE_STOP; kind++)
		read_probe(loader, container, &lifecycle, kind);
}

static void read_nameserver(struct loader *loader, const struct field *element, void *context)
{
	struct prefix address;
	(void)context;
	if (!read_address(loader, element, AF_UNSPEC, &address))
		return;
	struct prefix *place = loader_push(loader, &loader->prefixes);
	if (place)
		*place = address;
}

static bool is_windows(struct loader *loader, const struct field *spec,
                       const struct field *selector)
{
	const struct field os = read_object(loader, spec, "os", OPTIONAL);
	const struct field name = field_member(&os, "name");
	const struct field label = field_member(selector, "kubernetes.io/os");
	const struct field old_label = field_member(selector, "beta.kubernetes.io/os");
	return is_text(&name, "windows") || is_text(&label, "windows") ||
	       is_text(&old_label, "windows");
}

static void read_spec(struct loader *loader, const struct field *spec, struct pod_facts *pod)
{
	const struct field node = field_member(spec, "nodeName");
	const struct field account = field_member(spec, "serviceAccountName");
	const struct field host_network = field_member(spec, "hostNetwork");
	const struct field grace = field_member(spec, "terminationGracePeriodSeconds");
	const struct field policy = field_member(spec, "dnsPolicy");
	const struct field dns = read_object(loader, spec, "dnsConfig", OPTIONAL);
	const struct field selector = read_object(loader, spec, "nodeSelector", OPTIONAL);
	const struct field compute = field_member(&selector, "eks.amazonaws.com/compute-type");
	pod->node = read_name(loader, &node, OPTIONAL);
	pod->service_account = read_name(loader, &account, OPTIONAL);
	if (!pod->service_account[0])
		pod->service_account = "default";
	pod->host_network = read_flag(loader, &host_network, false);
	pod->grace = read_integer(loader, &grace, 0, INT32_MAX, -1);
	pod->dns_policy = read_name(loader, &policy, OPTIONAL);
	pod->windows = is_windows(loader, spec, &selector);
	pod->auto_mode = is_text(&compute, "auto");
	read_placement(loader, spec, pod);
	read_elements(loader, &dns, "nameservers", read_nameserver, NULL);
	loader_keep(loader, &loader->prefixes, &pod->nameservers, &pod->nameserver_count);
	read_elements(loader, spec, "initContainers", read_container, pod);
	read_elements(loader, spec, "containers", read_container, pod);
	loader_keep(loader, &fact_loader_of(loader)->probes, &pod->probes, &pod->probe_count);
}

static void read_owner(struct loader *loader, const struct field *element, void *context)
{
	const struct field controller = field_member(element, "controller");
	const struct field kind = field_member(element, "kind");
	const struct field name = field_member(element, "name");
	struct pod_facts *pod = context;
	if (!read_flag(loader, &controller, false))
		return;
	pod->owner_kind = read_name(loader, &kind, REQUIRED);
	pod->owner_name = read_name(loader, &name, REQUIRED);
}

/* object: a pod, or a template. */
static void read_pod(struct loader *loader, const struct field *object, struct pod_facts *pod)
{
	const struct field metadata = read_object(loader, object, "metadata", OPTIONAL);
	const struct field annotations = read_object(loader, &metadata, "annotations", OPTIONAL);
	const struct field fargate = field_member(&annotations, "fargate.amazonaws.com/pod-sg");
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	pod->labels = read_labels(loader, object);
	pod->fargate_groups = read_string(loader, &fargate, OPTIONAL);
	pod->fargate =
		fargate.value || label_value(&pod->labels, "eks.amazonaws.com/fargate-profile");
	read_spec(loader, &spec, pod);
}

/* object: the one in the document, pod or not. */
static void read_controller(struct loader *loader, const struct field *object,
                            struct pod_facts *pod)
{
	const struct field metadata = field_member(object, "metadata");
	pod->kind = loader->kind_loaded->kind;
	pod->phase = pod->owner_kind = pod->owner_name = "";
	read_elements(loader, &metadata, "ownerReferences", read_owner, pod);
}

void load_pod_facts(struct loader *loader, const struct field *object)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_NOTHING);
	const struct field status = read_object(loader, object, "status", OPTIONAL);
	const struct field phase = field_member(&status, "phase");
	const struct field started = field_member(&status, "startTime");
	struct pod_facts *pod = fact_push(loader, FACT_POD, object, &name);
	if (!pod)
		return;
	read_controller(loader, object, pod);
	read_pod(loader, object, pod);
	pod->phase = read_name(loader, &phase, OPTIONAL);
	pod->started = read_time(loader, &started);
}

/* spec: that has the template. */
static void load_template(struct loader *loader, const struct field *object,
                          const struct field *spec)
{
	const struct object_name name = read_object_name(loader, object, true, DEFINES_NOTHING);
	const struct field template = read_object(loader, spec, "template", OPTIONAL);
	const struct field replicas = field_member(spec, "replicas");
	struct pod_facts *pod = fact_push(loader, FACT_TEMPLATE, object, &name);
	if (!pod)
		return;
	read_controller(loader, object, pod);
	read_pod(loader, &template, pod);
	if (strcmp(pod->kind, "Deployment") == 0 || strcmp(pod->kind, "StatefulSet") == 0)
		pod->replicas = read_integer(loader, &replicas, 0, REPLICAS_MAX, 1);
}

void load_template_facts(struct loader *loader, const struct field *object)
{
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	load_template(loader, object, &spec);
}

void load_cron_job_facts(struct loader *loader, const struct field *object)
{
	const struct field spec = read_object(loader, object, "spec", OPTIONAL);
	const struct field job = read_object(loader, &spec, "jobTemplate", OPTIONAL);
	const struct field job_spec = read_object(loader, &job, "spec", OPTIONAL);
	load_template(loader, object, &job_spec);
}
