/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/node_local.h"
#include "nft-sync/judge/dns_permission.h"
#include "nft-sync/judge/explain.h"
#include "nft-sync/judge/near_rule.h"
#include "nft-sync/judge/passage.h"

#define TEXT_MAX 512
#define PING4 8
#define PING6 128

struct explanation {
	const struct explain_request *request;
	const struct passage_facts *facts;
	struct packet packet;
	struct passage passage;
	struct verdict verdicts[PASSES_MAX];
	unsigned count; /* of verdicts */
};

static const struct branch *branch_named(const struct resolution *resolution, const char *name)
{
	for (size_t i = 0; i < resolution->branch_count; i++) {
		const struct branch *branch = &resolution->branches[i];
		size_t length = strlen(branch->namespace);
		if (strncmp(name, branch->namespace, length) == 0 && name[length] == '/' &&
		    strcmp(name + length + 1, branch->pod) == 0)
			return branch;
	}
	return NULL;
}

static int named_address(const struct branch *branch, uint8_t family, struct prefix *ret)
{
	for (size_t i = 0; i < branch->address_count; i++)
		if (family == AF_UNSPEC || branch->addresses[i].family == family) {
			*ret = branch->addresses[i];
			return 0;
		}
	return -EINVAL;
}

/* An address, or the name of a pod: then an address of the family of the other side. */
static int find_end(const struct resolution *resolution, const char *text, uint8_t family,
                    struct prefix *ret, struct error *err)
{
	if (address_parse(text, ret) == 0)
		return 0;
	const struct branch *branch = branch_named(resolution, text);
	if (!branch)
		return error_set(err, -EINVAL,
		                 "\"%s\" is neither an address nor namespace/name of a pod with "
		                 "security groups on this node",
		                 text);
	if (named_address(branch, family, ret) < 0)
		return error_set(err, -EINVAL, "pod %s has no address of that family", text);
	return 0;
}

static int find_ends(struct explanation *e, struct error *err)
{
	const struct resolution *resolution = e->facts->resolution;
	struct prefix probe;
	uint8_t family = AF_UNSPEC;
	if (address_parse(e->request->destination, &probe) == 0)
		family = probe.family;
	int r = find_end(resolution, e->request->source, family, &e->packet.source, err);
	if (r == 0)
		r = find_end(resolution, e->request->destination, e->packet.source.family,
		             &e->packet.destination, err);
	if (r < 0)
		return r;
	if (e->packet.source.family != e->packet.destination.family)
		return error_set(err, -EINVAL,
		                 "source and destination are of different address families");
	return 0;
}

static int parse_number(const char **text, long highest, long *ret)
{
	char *end;
	errno = 0;
	long value = strtol(*text, &end, 10);
	if (end == *text || errno || value < 0 || value > highest || (*end && *end != '/'))
		return -EINVAL;
	*text = *end ? end + 1 : end;
	*ret = value;
	return 0;
}

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{"tcp", IPPROTO_TCP},       {"udp", IPPROTO_UDP},   {"icmp", IPPROTO_ICMP},
	{"icmpv6", IPPROTO_ICMPV6}, {"sctp", IPPROTO_SCTP}, {"gre", IPPROTO_GRE},
	{"esp", IPPROTO_ESP},
};

static int parse_protocol(const char **text, uint8_t *ret)
{
	size_t length = strcspn(*text, "/");
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strlen(protocols[i].name) == length &&
		    strncmp(*text, protocols[i].name, length) == 0) {
			*text += length + ((*text)[length] == '/');
			*ret = protocols[i].number;
			return 0;
		}
	long number;
	if (parse_number(text, 255, &number) < 0)
		return -EINVAL;
	*ret = (uint8_t)number;
	return 0;
}

static int parse_ports(struct packet *packet, const char *text)
{
	long number = 0;
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP) {
		if (parse_number(&text, 65535, &number) < 0)
			return -EINVAL;
		packet->port = (uint16_t)number;
	} else if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6) {
		long code = 0;
		number = packet->protocol == IPPROTO_ICMP ? PING4 : PING6;
		if ((*text && parse_number(&text, 255, &number) < 0) ||
		    (*text && parse_number(&text, 255, &code) < 0))
			return -EINVAL;
		packet->icmp_type = (uint8_t)number;
		packet->icmp_code = (uint8_t)code;
	}
	return *text ? -EINVAL : 0;
}

static int parse_what(struct explanation *e, struct error *err)
{
	struct packet *packet = &e->packet;
	const char *text = e->request->what;
	bool v4 = packet->source.family == AF_INET;
	if (!text[0])
		text = v4 ? "icmp" : "icmpv6";
	if (parse_protocol(&text, &packet->protocol) < 0 || parse_ports(packet, text) < 0)
		return error_set(err, -EINVAL,
		                 "\"%s\" is not PROTOCOL/PORT: expected tcp/443, udp/53, icmp/8/0, "
		                 "icmpv6/128 or a protocol number",
		                 e->request->what);
	packet->original_port =
		e->request->original_port ? e->request->original_port : packet->port;
	packet->hop_limit = 64;
	return 0;
}

/* A strict pod's query to the node-local address is led to the cluster's servers before it is
 * judged: to any of them, the first one stands for all. */
static void lead_strict_dns(struct explanation *e)
{
	struct packet *packet = &e->packet;
	const struct resolution *resolution = e->facts->resolution;
	const struct dns_server *server;
	const struct branch *source = resolution_branch_at(resolution, &packet->source);
	if (!source || source->mode != MODE_STRICT || !dns_is_query(resolution, packet) ||
	    !address_is_node_local(&packet->destination) ||
	    !dns_led_server(resolution, packet->destination.family, 0, &server))
		return;
	packet->destination = server->address;
	packet->port = packet->protocol == IPPROTO_UDP ? server->udp_port : server->tcp_port;
}

static void add_rule(cJSON *object, const char *group_key, const char *rule_key,
                     const struct security_group *group, const struct sg_rule *rule,
                     enum direction direction)
{
	char text[RULE_TEXT_MAX];
	if (!group)
		return;
	cJSON_AddStringToObject(object, group_key, group->id);
	if (rule)
		cJSON_AddStringToObject(object, rule_key,
		                        rule_text(rule, direction, text, sizeof(text)));
}

/* The interface's groups, and those of them that nobody knows: they permit nothing. */
static void add_groups(cJSON *object, const struct branch *branch, struct model *model)
{
	cJSON *groups = cJSON_AddArrayToObject(object, "groups");
	cJSON *missing = cJSON_AddArrayToObject(object, "missing");
	for (size_t i = 0; i < branch->group_count; i++) {
		const char *id = branch->groups[i];
		cJSON_AddItemToArray(groups, cJSON_CreateString(id));
		if (!model_group(model, id))
			cJSON_AddItemToArray(missing, cJSON_CreateString(id));
	}
}

/* The rule that would have been asked for, and what it lacks. */
static void add_nearest(cJSON *object, const struct explanation *e, const struct judgement *j)
{
	const struct judge_rules rules = passage_rules(e->facts);
	char text[NEAR_TEXT_MAX];
	struct near_rule near;
	struct packet packet = e->packet;
	const struct dns_server *server;
	if (j->reason != REASON_NO_RULE && j->reason != REASON_NODE_NO_RULE)
		return;
	/* No rule for the cache's own address would have helped. */
	if (j->direction == DIRECTION_EGRESS && j->branch->mode == MODE_STANDARD &&
	    dns_is_query(e->facts->resolution, &packet) &&
	    dns_led_server(e->facts->resolution, packet.destination.family, 0, &server))
		packet.destination = server->address;
	const struct near_question question =
		near_question_of(e->facts->resolution, &rules, &packet, j->branch, j->direction,
	                         j->reason == REASON_NODE_NO_RULE);
	if (near_rule_find(&question, &near))
		cJSON_AddStringToObject(object, "nearest", near_rule_text(&question, &near, text));
}

static cJSON *end_object(const struct explanation *e, const struct judgement *j)
{
	char text[TEXT_MAX];
	char pod[TEXT_MAX];
	cJSON *object = cJSON_CreateObject();
	snprintf(pod, sizeof(pod), "%s/%s", j->branch->namespace, j->branch->pod);
	(void)judgement_text(j, text, sizeof(text));
	cJSON_AddStringToObject(object, "interface", j->branch->interface);
	cJSON_AddStringToObject(object, "pod", pod);
	cJSON_AddStringToObject(object, "direction", direction_name(j->direction));
	cJSON_AddBoolToObject(object, "permitted", j->permitted);
	cJSON_AddStringToObject(object, "reason", verdict_reason_name(j->reason));
	if (j->reason == REASON_EXEMPT)
		cJSON_AddStringToObject(object, "exemption", exemption_names[j->exemption]);
	if (j->reason == REASON_RULE)
		add_rule(object, "group", "rule", j->group, j->rule, j->direction);
	add_rule(object, "nodeGroup", "nodeRule", j->node_group, j->node_rule, j->direction);
	add_groups(object, j->branch, e->facts->model);
	cJSON_AddStringToObject(object, "text", text);
	add_nearest(object, e, j);
	return object;
}

static cJSON *pass_object(const struct explanation *e, const struct pass *pass,
                          const struct verdict *verdict)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *ends = cJSON_CreateArray();
	cJSON_AddStringToObject(object, "in", pass->in);
	cJSON_AddStringToObject(object, "out", pass->out);
	cJSON_AddBoolToObject(object, "permitted", verdict->permitted);
	for (size_t i = 0; i < verdict->end_count; i++)
		cJSON_AddItemToArray(ends, end_object(e, &verdict->ends[i]));
	cJSON_AddItemToObject(object, "ends", ends);
	return object;
}

static cJSON *answer(const struct explanation *e)
{
	char source[PREFIX_TEXT_MAX];
	char destination[PREFIX_TEXT_MAX];
	bool permitted = !e->passage.problem.code;
	cJSON *object = cJSON_CreateObject();
	cJSON *passes = cJSON_CreateArray();
	for (unsigned i = 0; i < e->count; i++) {
		permitted = permitted && e->verdicts[i].permitted;
		cJSON_AddItemToArray(passes,
		                     pass_object(e, &e->passage.passes[i], &e->verdicts[i]));
	}
	cJSON_AddBoolToObject(object, "permitted", permitted);
	cJSON_AddStringToObject(object, "source", prefix_text(&e->packet.source, source));
	cJSON_AddStringToObject(object, "destination",
	                        prefix_text(&e->packet.destination, destination));
	cJSON_AddStringToObject(object, "what", e->request->what);
	cJSON_AddItemToObject(object, "passes", passes);
	if (e->passage.problem.code)
		cJSON_AddStringToObject(object, "problem", e->passage.problem.text);
	if (!e->passage.source && !e->passage.destination)
		cJSON_AddStringToObject(object, "text",
		                        "neither end is a pod with security groups on this node: "
		                        "podsg does not touch it");
	return object;
}

int explain(const struct explain_request *request, const struct passage_facts *facts, cJSON **ret,
            struct error *err)
{
	struct explanation e = {0};
	e.request = request;
	e.facts = facts;
	int r = find_ends(&e, err);
	if (r == 0)
		r = parse_what(&e, err);
	if (r < 0)
		return r;
	lead_strict_dns(&e);
	passage_find(facts, &e.packet, request->in, &e.passage);
	e.count = passage_judge(facts, &e.passage, &e.packet, e.verdicts);
	*ret = answer(&e);
	return *ret ? 0 : error_set(err, -ENOMEM, "no memory");
}
