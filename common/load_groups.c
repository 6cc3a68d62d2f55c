/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "common/loader.h"

#define PORT_MAX 65535
#define ICMP_MAX 255

/* Protocol and ports of an IpPermission, and where its rules belong. */
struct permission {
	struct sg_rule rule;
	struct vector *rules;
};

/* "0" to "255". */
static int parse_number(const char *text)
{
	int value = 0;
	size_t length = strspn(text, "0123456789");

	if (length == 0 || length > 3 || text[length] != '\0')
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		value = value * 10 + (text[i] - '0');
	return value <= 255 ? value : -EINVAL;
}

static int16_t parse_protocol(const char *text, bool *ok)
{
	static const struct {
		const char *name;
		int16_t protocol;
	} names[] = {
		{"-1", PROTOCOL_ALL},   {"tcp", IPPROTO_TCP},       {"udp", IPPROTO_UDP},
		{"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6},
	};
	int number;

	*ok = true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i].name) == 0)
			return names[i].protocol;
	}
	number = parse_number(text);
	*ok = number >= 0;
	return (int16_t)number;
}

/* aws writes a string; people write 6. */
static int16_t read_protocol(struct loader *loader, const struct field *field)
{
	char number[32];
	const char *text;
	int16_t protocol;
	bool ok;

	if (field->value == NULL) {
		loader_refuse(loader, -EINVAL, field, "is missing");
		return PROTOCOL_ALL;
	}
	text = field_text(field, number, sizeof(number));
	protocol = parse_protocol(text != NULL ? text : "", &ok);
	if (!ok)
		loader_refuse(loader, -EINVAL, field,
		              "expected tcp, udp, icmp, icmpv6, -1 or a protocol number, 0 to 255");
	return protocol;
}

static void read_ports(struct loader *loader, const struct field *permission, struct sg_rule *rule)
{
	const struct field from = field_member(permission, "FromPort");
	const struct field to = field_member(permission, "ToPort");

	if (from.value == NULL || to.value == NULL) {
		loader_refuse(loader, -EINVAL, from.value == NULL ? &from : &to,
		              "is missing: tcp and udp need FromPort and ToPort");
		return;
	}
	rule->from = read_integer(loader, &from, 0, PORT_MAX, 0);
	rule->to = read_integer(loader, &to, 0, PORT_MAX, PORT_MAX);
	if (rule->from > rule->to)
		loader_refuse(loader, -EINVAL, &from, "expected at most ToPort, which is %d",
		              rule->to);
}

static void read_icmp(struct loader *loader, const struct field *permission, struct sg_rule *rule)
{
	const struct field type = field_member(permission, "FromPort");
	const struct field code = field_member(permission, "ToPort");

	rule->from = read_integer(loader, &type, -1, ICMP_MAX, -1);
	rule->to = read_integer(loader, &code, -1, ICMP_MAX, -1);
	if (rule->from < 0)
		rule->to = -1;
}

static struct sg_rule read_match(struct loader *loader, const struct field *permission)
{
	const struct field protocol = field_member(permission, "IpProtocol");
	struct sg_rule rule = {.protocol = read_protocol(loader, &protocol), .to = PORT_MAX};

	switch (rule.protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		read_ports(loader, permission, &rule);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		read_icmp(loader, permission, &rule);
		break;
	default:
		break;
	}
	return rule;
}

static struct sg_rule *add_rule(struct loader *loader, const struct permission *permission,
                                const struct field *peer)
{
	const struct field description = field_member(peer, "Description");
	struct sg_rule *rule;

	if (permission->rules->count == GROUP_RULES_MAX) {
		loader_refuse(loader, -EINVAL, peer,
		              "the group has more than %d rules in a direction", GROUP_RULES_MAX);
		return NULL;
	}
	rule = loader_push(loader, permission->rules);
	if (rule == NULL)
		return NULL;
	*rule = permission->rule;
	rule->description = read_string(loader, &description, OPTIONAL);
	return rule;
}

static void read_range(struct loader *loader, const struct permission *permission,
                       const struct field *range, const char *key, int family)
{
	const struct field cidr = field_member(range, key);
	struct sg_rule *rule = add_rule(loader, permission, range);

	if (rule == NULL)
		return;
	rule->peer = RULE_PEER_PREFIX;
	(void)read_prefix(loader, &cidr, family, &rule->prefix);
}

static void read_ipv4_range(struct loader *loader, const struct field *range, void *context)
{
	read_range(loader, context, range, "CidrIp", AF_INET);
}

static void read_ipv6_range(struct loader *loader, const struct field *range, void *context)
{
	read_range(loader, context, range, "CidrIpv6", AF_INET6);
}

static void read_reference(struct loader *loader, const struct permission *permission,
                           const struct field *reference, const char *key, enum rule_peer peer)
{
	const struct field id = field_member(reference, key);
	struct sg_rule *rule = add_rule(loader, permission, reference);

	if (rule == NULL)
		return;
	rule->peer = peer;
	rule->peer_id = read_name(loader, &id, REQUIRED);
}

static void read_prefix_list_id(struct loader *loader, const struct field *list, void *context)
{
	read_reference(loader, context, list, "PrefixListId", RULE_PEER_PREFIX_LIST);
}

static void read_group_pair(struct loader *loader, const struct field *pair, void *context)
{
	read_reference(loader, context, pair, "GroupId", RULE_PEER_GROUP);
}

/* One IpPermission is the product of its match and every peer of its four lists. */
static void read_permission(struct loader *loader, const struct field *element, void *context)
{
	struct permission permission = {.rule = read_match(loader, element), .rules = context};

	read_elements(loader, element, "IpRanges", read_ipv4_range, &permission);
	read_elements(loader, element, "Ipv6Ranges", read_ipv6_range, &permission);
	read_elements(loader, element, "PrefixListIds", read_prefix_list_id, &permission);
	read_elements(loader, element, "UserIdGroupPairs", read_group_pair, &permission);
}

static void read_rules(struct loader *loader, const struct field *group, const char *key,
                       enum direction direction, struct security_group *ret)
{
	read_elements(loader, group, key, read_permission, &loader->rules);
	loader_keep(loader, &loader->rules, &ret->rules[direction], &ret->rule_count[direction]);
}

void load_security_group(struct loader *loader, const struct field *field)
{
	const struct field id = field_member(field, "GroupId");
	const struct field name = field_member(field, "GroupName");
	const struct field vpc = field_member(field, "VpcId");
	struct security_group *group = loader_push(loader, &loader->groups);

	if (group == NULL)
		return;
	group->id = read_name(loader, &id, REQUIRED);
	group->name = read_string(loader, &name, OPTIONAL);
	group->vpc_id = read_name(loader, &vpc, OPTIONAL);
	group->line = field_line(loader->item, field);
	read_rules(loader, field, "IpPermissions", DIRECTION_INGRESS, group);
	read_rules(loader, field, "IpPermissionsEgress", DIRECTION_EGRESS, group);
	loader_define(loader, DEFINES_GROUP, "", group->id, &id);
}
