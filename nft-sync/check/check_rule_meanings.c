/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <string.h>

#include "nft-sync/check/judged_groups.h"
#include "nft-sync/check/rule_commands.h"
#include "nft-sync/judge/rule_match.h"

static const struct check ports_ignored = {
	"rule-ports-ignored",
	SEVERITY_WARNING,
	"ports in a rule whose protocol has none",
	"EC2 knows ports of TCP and UDP, and types of ICMP. For every other protocol number, and "
	"for -1, it ignores the ports that are given and permits all of that protocol: for -1 that "
	"is everything.",
	"Amazon EC2 API Reference, IpPermission",
};

static const struct check wrong_family = {
	"rule-icmp-family",
	SEVERITY_WARNING,
	"an ICMP rule for addresses of the other family",
	"icmp (1) is IPv4's and icmpv6 (58) is IPv6's: a rule for one with a prefix of the other "
	"matches no packet. IPv6 without \"packet too big\" loses large packets in silence.",
	"Amazon EC2 API Reference, IpPermission; RFC 4443, RFC 8201",
};

static const struct check port_zero = {
	"rule-port-zero",
	SEVERITY_WARNING,
	"a rule for port 0, or for ICMP type 0, only",
	"From 0 to 0 is not \"all\": it is port 0, which nobody uses, or type 0, an echo reply, "
	"and answers to the pod's own pings need no rule. All ports are 0 to 65535, all types are "
	"-1.",
	"Amazon EC2 API Reference, IpPermission",
};

static const struct check rule_shadowed = {
	"rule-shadowed",
	SEVERITY_INFO,
	"a rule that another rule of its group makes superfluous",
	"Rules only ever allow: one whose packets another one allows already changes nothing, but "
	"it counts against the quota of 60, and it misleads whoever reads the group.",
	"Amazon EC2 User Guide, Security group rules",
};

static const struct check *const checks[] = {&ports_ignored, &wrong_family, &port_zero,
                                             &rule_shadowed, NULL};

/* A rule of a group. */
struct place {
	const struct group_facts *group;
	enum direction direction;
	const struct sg_rule *rule;
};

/* Of several peers the first one stands for all. */
static void fix_ignored(struct check_run *run, struct finding *finding,
                        const struct group_facts *group, const struct ignored_ports *ports)
{
	const struct sg_rule *rules = group->group->rules[ports->direction], *rule = NULL;
	size_t count = group->group->rule_count[ports->direction];
	const char *direction = direction_name(ports->direction);
	char wrong[PERMISSION_TEXT_MAX], right[PERMISSION_TEXT_MAX];
	struct sg_rule meant;
	for (size_t i = 0; i < count && !rule; i++)
		if (rules[i].protocol == ports->protocol)
			rule = &rules[i];
	if (!rule)
		return;
	meant = *rule;
	meant.protocol = IPPROTO_TCP;
	meant.from = ports->from;
	meant.to = ports->to;
	finding_fix(
		run, finding,
		"aws ec2 revoke-security-group-%s --group-id %s --ip-permissions '%s'\n"
		"aws ec2 authorize-security-group-%s --group-id %s --ip-permissions '%s'    # if "
		"these ports of TCP are meant; else leave the ports out",
		direction, group->fact.name, permission_text(rule, "", wrong), direction,
		group->fact.name, permission_text(&meant, "", right));
}

static void judge_ignored(struct check_run *run, const struct group_facts *group)
{
	check_judged(run, &ports_ignored);
	for (size_t i = 0; i < group->ignored_count; i++) {
		const struct ignored_ports *ports = &group->ignored[i];
		const char *direction = direction_name(ports->direction);
		char protocol[PROTOCOL_TEXT_MAX];
		struct finding *finding = check_found(
			run, &ports_ignored, "SecurityGroup", &group->fact,
			"an %s rule for %s says ports %d to %d, which EC2 ignores", direction,
			protocol_text(ports->protocol, protocol), ports->from, ports->to);
		fix_ignored(run, finding, group, ports);
	}
}

static bool is_of_other_family(const struct sg_rule *rule)
{
	if (rule->peer != RULE_PEER_PREFIX)
		return false;
	if (rule->protocol == IPPROTO_ICMP)
		return rule->prefix.family == AF_INET6;
	return rule->protocol == IPPROTO_ICMPV6 && rule->prefix.family == AF_INET;
}

static bool is_icmp(const struct sg_rule *rule)
{
	return rule->protocol == IPPROTO_ICMP || rule->protocol == IPPROTO_ICMPV6;
}

static void judge_family(struct check_run *run, const struct place *place)
{
	const struct sg_rule *rule = place->rule;
	char text[RULE_TEXT_MAX];
	struct sg_rule right = *rule;
	struct finding *finding;
	if (!is_icmp(rule))
		return;
	check_judged(run, &wrong_family);
	if (!is_of_other_family(rule))
		return;
	right.protocol = rule->protocol == IPPROTO_ICMP ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	/* Types are numbered differently: which one is meant nobody here knows. */
	right.from = right.to = -1;
	finding = check_found(run, &wrong_family, "SecurityGroup", &place->group->fact,
	                      "its %s rule %s matches no packet", direction_name(place->direction),
	                      rule_text(rule, place->direction, text, sizeof(text)));
	fix_by_authorizing(run, finding, place->group->fact.name, place->direction, &right, "");
}

static bool is_zero(const struct sg_rule *rule)
{
	if (rule->protocol == IPPROTO_TCP || rule->protocol == IPPROTO_UDP)
		return rule->to == 0;
	return rule->protocol == IPPROTO_ICMP && rule->from == 0 && rule->to <= 0;
}

static void judge_zero(struct check_run *run, const struct place *place)
{
	const struct sg_rule *rule = place->rule;
	char text[RULE_TEXT_MAX];
	struct sg_rule meant = *rule;
	struct finding *finding;
	check_judged(run, &port_zero);
	if (!is_zero(rule))
		return;
	meant.from = is_icmp(rule) ? -1 : 0;
	meant.to = is_icmp(rule) ? -1 : UINT16_MAX;
	finding = check_found(run, &port_zero, "SecurityGroup", &place->group->fact,
	                      "its %s rule %s is for %s only", direction_name(place->direction),
	                      rule_text(rule, place->direction, text, sizeof(text)),
	                      is_icmp(rule) ? "echo replies" : "port 0");
	fix_by_authorizing(run, finding, place->group->fact.name, place->direction, &meant,
	                   "if all were meant");
}

static bool covers_service(const struct sg_rule *outer, const struct sg_rule *inner)
{
	if (outer->protocol == PROTOCOL_ALL)
		return true;
	if (outer->protocol != inner->protocol)
		return false;
	if (!is_icmp(outer))
		return outer->from <= inner->from && inner->to <= outer->to;
	return outer->from == -1 ||
	       (outer->from == inner->from && (outer->to == -1 || outer->to == inner->to));
}

static bool covers_peer(const struct sg_rule *outer, const struct sg_rule *inner)
{
	if (outer->peer != inner->peer)
		return false;
	if (outer->peer == RULE_PEER_PREFIX)
		return prefix_contains(&outer->prefix, &inner->prefix);
	return strcmp(outer->peer_id, inner->peer_id) == 0;
}

static bool covers(const struct sg_rule *outer, const struct sg_rule *inner)
{
	return covers_service(outer, inner) && covers_peer(outer, inner);
}

/* Of two that cover each other the first one stays. */
static const struct sg_rule *find_cover(const struct sg_rule *rules, size_t count, size_t of)
{
	for (size_t i = 0; i < count; i++)
		if (i != of && covers(&rules[i], &rules[of]) &&
		    (i < of || !covers(&rules[of], &rules[i])))
			return &rules[i];
	return NULL;
}

static void judge_shadowed(struct check_run *run, const struct place *place,
                           const struct sg_rule *cover)
{
	char text[RULE_TEXT_MAX], cover_text[RULE_TEXT_MAX];
	struct finding *finding;
	check_judged(run, &rule_shadowed);
	if (!cover)
		return;
	finding =
		check_found(run, &rule_shadowed, "SecurityGroup", &place->group->fact,
	                    "its %s rule %s: all of it is in %s", direction_name(place->direction),
	                    rule_text(place->rule, place->direction, text, sizeof(text)),
	                    covers(place->rule, cover) ? "an equal one"
	                                               : rule_text(cover, place->direction,
	                                                           cover_text, sizeof(cover_text)));
	/* EC2 itself can't hold two equal ones: a command would take both away. */
	if (!covers(place->rule, cover))
		fix_by_revoking(run, finding, place->group->fact.name, place->direction,
		                place->rule, "");
}

static void judge_rules(struct check_run *run, const struct group_facts *group,
                        enum direction direction)
{
	const struct sg_rule *rules = group->group->rules[direction];
	size_t count = group->group->rule_count[direction];
	for (size_t i = 0; i < count; i++) {
		const struct place place = {group, direction, &rules[i]};
		judge_family(run, &place);
		judge_zero(run, &place);
		judge_shadowed(run, &place, find_cover(rules, count, i));
	}
}

static void run_rule_meanings(struct check_run *run)
{
	if (!run->facts->known[FACT_GROUP]) {
		group_needs(run, &check_rule_meanings, NEEDS_GROUPS);
		return;
	}
	const struct judged_groups groups = judged_groups_of(run);
	for (size_t i = 0; i < groups.count; i++) {
		judge_ignored(run, groups.items[i]);
		judge_rules(run, groups.items[i], DIRECTION_INGRESS);
		judge_rules(run, groups.items[i], DIRECTION_EGRESS);
	}
}

const struct check_group check_rule_meanings = {"Rules", checks, run_rule_meanings, false};
