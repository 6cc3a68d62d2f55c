/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/check/facts_groups.h"

#define PORT_MAX 65535
#define ENTRIES_MAX 100000

/* Of one list of permissions. */
struct permissions {
	enum direction direction;
	struct vector *references;
	struct vector *ignored;
};

static void read_pair(struct loader *loader, const struct field *pair, void *context)
{
	const struct permissions *permissions = context;
	const struct field group = field_member(pair, "GroupId");
	const struct field owner = field_member(pair, "UserId");
	const struct field vpc = field_member(pair, "VpcId");
	const struct field status = field_member(pair, "PeeringStatus");
	const struct field peering = field_member(pair, "VpcPeeringConnectionId");
	struct group_reference *reference = loader_push(loader, permissions->references);
	if (!reference)
		return;
	*reference = (struct group_reference){
		.direction = permissions->direction,
		.group = read_name(loader, &group, OPTIONAL),
		.owner = read_name(loader, &owner, OPTIONAL),
		.vpc_id = read_name(loader, &vpc, OPTIONAL),
		.status = read_name(loader, &status, OPTIONAL),
		.peering = read_name(loader, &peering, OPTIONAL),
	};
}

/* False: it has ports, or types and codes. The model's loader has refused what is no protocol. */
static bool has_no_ports(const struct field *field, int16_t *ret)
{
	const cJSON *value = field->value;
	char *end;
	long number;
	if (cJSON_IsNumber(value)) {
		number = (long)value->valuedouble;
	} else {
		number = strtol(cJSON_IsString(value) ? value->valuestring : "", &end, 10);
		if (!cJSON_IsString(value) || end == value->valuestring || *end)
			return false;
	}
	*ret = (int16_t)number;
	return number != IPPROTO_TCP && number != IPPROTO_UDP && number != IPPROTO_ICMP &&
	       number != IPPROTO_ICMPV6;
}

/* What says "all" in one of the ways in which tools say it misleads nobody. */
static bool says_all(int from, int to)
{
	return from <= 0 && (to <= 0 || to == PORT_MAX);
}

static void read_ports(struct loader *loader, const struct field *permission,
                       const struct permissions *permissions)
{
	const struct field protocol = field_member(permission, "IpProtocol");
	const struct field from_field = field_member(permission, "FromPort");
	const struct field to_field = field_member(permission, "ToPort");
	int16_t number;
	if (!from_field.value || !has_no_ports(&protocol, &number))
		return;
	int from = read_integer(loader, &from_field, -1, PORT_MAX, 0);
	int to = read_integer(loader, &to_field, -1, PORT_MAX, from);
	struct ignored_ports *ignored =
		says_all(from, to) ? NULL : loader_push(loader, permissions->ignored);
	if (ignored)
		*ignored = (struct ignored_ports){permissions->direction, number, from, to};
}

static void read_permission(struct loader *loader, const struct field *permission, void *context)
{
	const struct permissions *permissions = context;
	read_elements(loader, permission, "UserIdGroupPairs", read_pair, context);
	if (permissions->ignored)
		read_ports(loader, permission, permissions);
}

void load_group_facts(struct loader *loader, const struct field *object)
{
	const struct field title = field_member(object, "GroupName");
	const struct field owner = field_member(object, "OwnerId");
	const struct field vpc = field_member(object, "VpcId");
	struct vector references = {.item_size = sizeof(struct group_reference)};
	struct vector ignored = {.item_size = sizeof(struct ignored_ports)};
	struct permissions in = {DIRECTION_INGRESS, &references, &ignored};
	struct permissions out = {DIRECTION_EGRESS, &references, &ignored};
	struct group_facts *group = fact_push_id(loader, FACT_GROUP, object, "GroupId");
	if (!group)
		return;
	group->title = read_string(loader, &title, OPTIONAL);
	group->owner = read_name(loader, &owner, OPTIONAL);
	group->vpc_id = read_name(loader, &vpc, OPTIONAL);
	group->tags = read_tags(loader, object, "Tags");
	read_elements(loader, object, "IpPermissions", read_permission, &in);
	read_elements(loader, object, "IpPermissionsEgress", read_permission, &out);
	loader_keep(loader, &references, &group->references, &group->reference_count);
	loader_keep(loader, &ignored, &group->ignored, &group->ignored_count);
	vector_done(&references);
	vector_done(&ignored);
}

void load_stale_group_facts(struct loader *loader, const struct field *object)
{
	struct vector references = {.item_size = sizeof(struct group_reference)};
	struct permissions in = {DIRECTION_INGRESS, &references, NULL};
	struct permissions out = {DIRECTION_EGRESS, &references, NULL};
	struct stale_group_facts *group = fact_push_id(loader, FACT_STALE_GROUP, object, "GroupId");
	if (!group)
		return;
	read_elements(loader, object, "StaleIpPermissions", read_permission, &in);
	read_elements(loader, object, "StaleIpPermissionsEgress", read_permission, &out);
	loader_keep(loader, &references, &group->references, &group->reference_count);
	vector_done(&references);
}

static uint8_t read_family(struct loader *loader, const struct field *list)
{
	const struct field field = field_member(list, "AddressFamily");
	const char *family = read_name(loader, &field, OPTIONAL);
	return strcmp(family, "IPv4") == 0   ? AF_INET
	       : strcmp(family, "IPv6") == 0 ? AF_INET6
	                                     : AF_UNSPEC;
}

void load_prefix_list_facts(struct loader *loader, const struct field *object)
{
	const struct field title = field_member(object, "PrefixListName");
	const struct field owner = field_member(object, "OwnerId");
	const struct field version = field_member(object, "Version");
	const struct field max_entries = field_member(object, "MaxEntries");
	struct prefix_list_facts *list =
		fact_push_id(loader, FACT_PREFIX_LIST, object, "PrefixListId");
	if (!list)
		return;
	list->title = read_string(loader, &title, OPTIONAL);
	list->owner = read_name(loader, &owner, OPTIONAL);
	list->family = read_family(loader, object);
	list->version = read_integer(loader, &version, 0, INT32_MAX, 0);
	list->max_entries = read_integer(loader, &max_entries, 0, ENTRIES_MAX, 0);
}

void load_groups_known(struct loader *loader, const struct field *document)
{
	(void)document;
	facts_know(loader, FACT_GROUP);
}

void load_stale_groups_known(struct loader *loader, const struct field *document)
{
	(void)document;
	facts_know(loader, FACT_STALE_GROUP);
}

/* A group may be associated with several VPCs: the VPC stands where namespaces do. */
void load_group_vpc_facts(struct loader *loader, const struct field *association)
{
	const struct field group = field_member(association, "GroupId");
	const struct field vpc = field_member(association, "VpcId");
	const struct field state = field_member(association, "State");
	const struct object_name name = {.namespace = read_name(loader, &vpc, REQUIRED),
	                                 .name = read_name(loader, &group, REQUIRED)};
	if (strcmp(read_name(loader, &state, OPTIONAL), "associated") == 0)
		(void)fact_push(loader, FACT_GROUP_VPC, association, &name);
}

void load_group_vpcs_known(struct loader *loader, const struct field *document)
{
	(void)document;
	facts_know(loader, FACT_GROUP_VPC);
}

void load_prefix_lists_known(struct loader *loader, const struct field *document)
{
	(void)document;
	facts_know(loader, FACT_PREFIX_LIST);
}

const struct group_facts *facts_group(const struct facts *facts, const char *id)
{
	return facts_find(facts, FACT_GROUP, "", id);
}

bool group_is_of_vpc(const struct facts *facts, const struct group_facts *group, const char *vpc)
{
	return strcmp(group->vpc_id, vpc) == 0 ||
	       facts_find(facts, FACT_GROUP_VPC, vpc, group->fact.name);
}

const struct prefix_list_facts *facts_prefix_list(const struct facts *facts, const char *id)
{
	return facts_find(facts, FACT_PREFIX_LIST, "", id);
}

static bool ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);
	return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* EC2 has no call that says an AWS-managed list's weight: the VPC User Guide's table. */
unsigned prefix_list_weight(const struct prefix_list_facts *list)
{
	static const struct {
		const char *end;
		unsigned weight;
	} weights[] = {
		{".cloudfront.origin-facing", 55},
		{".dynamodb", 1},
		{".ec2-instance-connect", 2},
		{".groundstation", 5},
		{".s3", 1},
		{".route53-healthchecks", 25},
		{".s3express", 6},
		{".vpc-lattice", 10},
	};
	if (strcmp(list->owner, "AWS") != 0)
		return (unsigned)list->max_entries;
	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
		if (ends_in(list->title, weights[i].end))
			return weights[i].weight;
	return 0;
}

void facts_settle_groups(struct facts *facts)
{
	struct group_facts *groups = facts->of[FACT_GROUP].items;
	for (size_t i = 0; i < facts->of[FACT_GROUP].count; i++)
		groups[i].group = model_group(facts->model, groups[i].fact.name);
}
