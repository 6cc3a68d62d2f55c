/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/answer/drop_event.h"
#include "nft-sync/draw/names.h"
#include "nft-sync/judge/near_rule.h"
#include "nft-sync/judge/rule_match.h"
#include "nft-sync/judge/way.h"

#define PEER_GROUPS_MAX 8
#define WHAT_MAX 40

static const char *interface_name(const struct host *host, unsigned index)
{
	const struct host_link *link = host_link_numbered(host, index);
	return link ? link->name : "";
}

void drop_event_end(const struct drop_record *record, const struct drop_facts *facts,
                    struct drop_end *ret)
{
	bool egress = record->reason->direction == DIRECTION_EGRESS;
	const char *name = interface_name(facts->host, egress ? record->in : record->out);
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->interface, sizeof(ret->interface), "%s", name);
	if (facts->resolution)
		ret->branch = resolution_branch(facts->resolution, ret->interface);
}

const char *drop_time_text(const struct timespec *time, char buffer[static DROP_TIME_MAX])
{
	struct tm parts;
	size_t used = 0;
	if (gmtime_r(&time->tv_sec, &parts))
		used = strftime(buffer, DROP_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(buffer + used, DROP_TIME_MAX - used, ".%03uZ",
	         (unsigned)(time->tv_nsec / 1000000) % 1000);
	return buffer;
}

static void add_optional(cJSON *object, const char *key, const char *text)
{
	if (text[0])
		cJSON_AddStringToObject(object, key, text);
}

static void add_group(cJSON *array, const struct model *model, const char *id)
{
	const struct security_group *group = model_group(model, id);
	if (cJSON_GetArraySize(array) >= PEER_GROUPS_MAX)
		return;
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "id", id);
	add_optional(object, "name", group ? group->name : "");
	cJSON_AddItemToArray(array, object);
}

/* What else we know of the peer: a pod of this node, its ENI, or who counts it as a member. */
static void add_peer_groups(cJSON *array, const struct drop_facts *facts,
                            const struct prefix *address, const struct branch *pod,
                            const struct network_interface *eni)
{
	const struct resolution *resolution = facts->resolution;
	for (size_t i = 0; pod && i < pod->group_count; i++)
		add_group(array, facts->model, pod->groups[i]);
	for (size_t i = 0; !pod && eni && i < eni->group_count; i++)
		add_group(array, facts->model, eni->groups[i]);
	for (size_t i = 0; !pod && !eni && i < resolution->member_count; i++)
		if (member_set_contains(&resolution->members[i], address))
			add_group(array, facts->model, resolution->members[i].group);
}

static cJSON *peer_object(const struct drop_facts *facts, const struct prefix *address)
{
	char text[PREFIX_TEXT_MAX];
	char name[512] = "";
	const struct branch *pod = resolution_branch_at(facts->resolution, address);
	const struct network_interface *eni = model_interface_at(facts->model, address);
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "address", prefix_text(address, text));
	if (pod)
		snprintf(name, sizeof(name), "%s/%s", pod->namespace, pod->pod);
	add_optional(object, "pod", name);
	if (way_is_from_node(facts->host, address))
		cJSON_AddStringToObject(object, "node", facts->resolution->config->node.name);
	add_optional(object, "eni", eni ? eni->id : "");
	cJSON *groups = cJSON_AddArrayToObject(object, "groups");
	add_peer_groups(groups, facts, address, pod, eni);
	return object;
}

static bool is_icmp(int protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static void add_service(cJSON *object, const struct drop_record *record)
{
	const struct packet *packet = &record->packet;
	char protocol[PROTOCOL_TEXT_MAX];
	char what[WHAT_MAX];
	const char *name = protocol_text(packet->protocol, protocol);
	snprintf(what, sizeof(what), "%s", name);
	cJSON_AddNumberToObject(object, "protocol", packet->protocol);
	if (record->ports && is_icmp(packet->protocol)) {
		cJSON_AddNumberToObject(object, "icmpType", packet->icmp_type);
		cJSON_AddNumberToObject(object, "icmpCode", packet->icmp_code);
		snprintf(what, sizeof(what), "%s/%u/%u", name, packet->icmp_type,
		         packet->icmp_code);
	} else if (record->ports) {
		cJSON_AddNumberToObject(object, "sourcePort", packet->source_port);
		cJSON_AddNumberToObject(object, "port", packet->port);
		snprintf(what, sizeof(what), "%s/%u", name, packet->port);
	}
	cJSON_AddStringToObject(object, "what", what);
	if (record->fragment)
		cJSON_AddBoolToObject(object, "fragment", true);
	if (packet->answer)
		cJSON_AddBoolToObject(object, "answer", true);
}

static void add_original(cJSON *object, const struct drop_record *record)
{
	char text[PREFIX_TEXT_MAX];
	if (!record->original.family)
		return;
	cJSON *original = cJSON_AddObjectToObject(object, "original");
	cJSON_AddStringToObject(original, "address", prefix_text(&record->original, text));
	if (record->packet.original_port)
		cJSON_AddNumberToObject(original, "port", record->packet.original_port);
}

static cJSON *nearest_object(const struct near_rule *near, enum direction direction)
{
	char text[RULE_TEXT_MAX];
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "group", near->group->id);
	add_optional(object, "name", near->group->name);
	cJSON_AddStringToObject(object, "rule",
	                        rule_text(near->rule, direction, text, sizeof(text)));
	cJSON *differs = cJSON_AddArrayToObject(object, "differs");
	if (near->protocol)
		cJSON_AddItemToArray(differs, cJSON_CreateString("protocol"));
	if (near->port)
		cJSON_AddItemToArray(
			differs,
			cJSON_CreateString(is_icmp(near->rule->protocol) ? "type" : "port"));
	if (near->peer)
		cJSON_AddItemToArray(differs, cJSON_CreateString("peer"));
	return object;
}

static void add_nearest(cJSON *object, const struct drop_record *record, const struct drop_end *end,
                        const struct drop_facts *facts, bool node)
{
	enum direction direction = record->reason->direction;
	char text[NEAR_TEXT_MAX];
	struct near_rule near;
	const struct near_question question = near_question_of(
		facts->resolution, facts->rules, &record->packet, end->branch, direction, node);
	if (near_rule_find(&question, &near)) {
		cJSON_AddItemToObject(object, "nearest", nearest_object(&near, direction));
		near_rule_text(&question, &near, text);
	} else {
		snprintf(text, sizeof(text), "no %s rule of %s groups comes near",
		         direction_name(direction), node ? "the node's" : "its");
	}
	cJSON_AddStringToObject(object, "text", text);
}

/* Why no rule could help: what explain() says of the same. */
static const char *reason_text(const struct drop_record *record, const struct branch *branch)
{
	const char *reason = record->reason->reason;
	if (strcmp(reason, DROP_SOURCE) == 0)
		return "the source is not an address of the pod (source/dest check)";
	if (strcmp(reason, DROP_PATH) == 0)
		return "a strict pod exchanges packets with its own branch device only";
	if (strcmp(reason, DROP_CLAIMED) == 0)
		return "a newer pod has its address or interface";
	if (branch && branch->too_many_rules[record->reason->direction])
		return "its groups have too many rules, it is closed";
	return "none of its groups is known";
}

static void add_text(cJSON *object, const struct drop_record *record, const struct drop_end *end,
                     const struct drop_facts *facts)
{
	bool node = strcmp(record->reason->reason, DROP_NODE) == 0;
	bool rules = node || strcmp(record->reason->reason, DROP_RULES) == 0;
	if (rules && end->branch)
		add_nearest(object, record, end, facts, node);
	else if (!rules)
		cJSON_AddStringToObject(object, "text", reason_text(record, end->branch));
}

static void add_addresses(cJSON *object, const struct packet *packet)
{
	char text[PREFIX_TEXT_MAX];
	cJSON_AddStringToObject(object, "source", prefix_text(&packet->source, text));
	cJSON_AddStringToObject(object, "destination", prefix_text(&packet->destination, text));
}

cJSON *drop_event_object(const struct drop_record *record, const struct drop_end *end,
                         const struct drop_facts *facts)
{
	const struct packet *packet = &record->packet;
	bool egress = record->reason->direction == DIRECTION_EGRESS;
	char time[DROP_TIME_MAX];
	char pod[512] = "";
	cJSON *object = cJSON_CreateObject();
	if (end->branch)
		snprintf(pod, sizeof(pod), "%s/%s", end->branch->namespace, end->branch->pod);
	cJSON_AddStringToObject(object, "event", "drop");
	cJSON_AddStringToObject(object, "time", drop_time_text(&record->time, time));
	cJSON_AddStringToObject(object, "direction", direction_name(record->reason->direction));
	cJSON_AddStringToObject(object, "reason", record->reason->reason);
	add_optional(object, "pod", pod);
	add_optional(object, "interface", end->interface);
	add_optional(object, "in", interface_name(facts->host, record->in));
	add_optional(object, "out", interface_name(facts->host, record->out));
	if (facts->resolution)
		cJSON_AddItemToObject(
			object, "peer",
			peer_object(facts, egress ? &packet->destination : &packet->source));
	add_addresses(object, packet);
	add_service(object, record);
	add_original(object, record);
	add_text(object, record, end, facts);
	return object;
}
