/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdio.h>

#include "nft-sync/check/rule_commands.h"

/* What stands before the peer. */
static int match_text(const struct sg_rule *rule, char *buffer, size_t size)
{
	static const char *const names[] = {[IPPROTO_ICMP] = "icmp",
	                                    [IPPROTO_TCP] = "tcp",
	                                    [IPPROTO_UDP] = "udp",
	                                    [IPPROTO_ICMPV6] = "icmpv6"};
	const char *name = rule->protocol >= 0 && rule->protocol <= IPPROTO_ICMPV6
	                           ? names[rule->protocol]
	                           : NULL;
	if (!name)
		return snprintf(buffer, size, "IpProtocol=%d", rule->protocol);
	return snprintf(buffer, size, "IpProtocol=%s,FromPort=%d,ToPort=%d", name, rule->from,
	                rule->to);
}

const char *permission_text(const struct sg_rule *rule, const char *owner,
                            char buffer[static PERMISSION_TEXT_MAX])
{
	char prefix[PREFIX_TEXT_MAX];
	int length = match_text(rule, buffer, PERMISSION_TEXT_MAX);
	char *end = buffer + length;
	size_t left = PERMISSION_TEXT_MAX - (size_t)length;
	unsigned bits = prefix_family_bits(rule->prefix.family);
	bool v6 = rule->prefix.family == AF_INET6;
	switch (rule->peer) {
	case RULE_PEER_PREFIX:
		(void)prefix_text(&rule->prefix, prefix);
		(void)snprintf(end, left, ",%s=[{%s=%s%s}]", v6 ? "Ipv6Ranges" : "IpRanges",
		               v6 ? "CidrIpv6" : "CidrIp", prefix,
		               rule->prefix.length < bits ? ""
		               : v6                       ? "/128"
		                                          : "/32");
		break;
	case RULE_PEER_PREFIX_LIST:
		(void)snprintf(end, left, ",PrefixListIds=[{PrefixListId=%s}]", rule->peer_id);
		break;
	case RULE_PEER_GROUP:
		(void)snprintf(end, left, ",UserIdGroupPairs=[{GroupId=%s%s%s}]", rule->peer_id,
		               owner[0] ? ",UserId=" : "", owner);
		break;
	}
	return buffer;
}

void fix_by_revoking(struct check_run *run, struct finding *finding, const char *group,
                     enum direction direction, const struct sg_rule *rule, const char *owner)
{
	char permission[PERMISSION_TEXT_MAX];
	finding_fix(run, finding,
	            "aws ec2 revoke-security-group-%s --group-id %s --ip-permissions '%s'",
	            direction_name(direction), group, permission_text(rule, owner, permission));
}

static const char *authorize_text(const char *group, enum direction direction,
                                  const struct sg_rule *rule, char buffer[static ADMIT_TEXT_MAX])
{
	char permission[PERMISSION_TEXT_MAX];
	(void)snprintf(buffer, ADMIT_TEXT_MAX,
	               "aws ec2 authorize-security-group-%s --group-id %s --ip-permissions '%s'",
	               direction_name(direction), group, permission_text(rule, "", permission));
	return buffer;
}

void fix_by_authorizing(struct check_run *run, struct finding *finding, const char *group,
                        enum direction direction, const struct sg_rule *rule, const char *remark)
{
	char command[ADMIT_TEXT_MAX];
	finding_fix(run, finding, "%s%s%s", authorize_text(group, direction, rule, command),
	            remark[0] ? "    # " : "", remark);
}

const char *admit_text(const struct admission_question *question,
                       char buffer[static ADMIT_TEXT_MAX])
{
	struct sg_rule rule = {
		.protocol = question->protocol, .from = question->port, .to = question->port};
	buffer[0] = '\0';
	if (question->peer_group_count > 0) {
		rule.peer = RULE_PEER_GROUP;
		rule.peer_id = question->peer_groups[0];
	} else if (question->peer_address) {
		rule.peer = RULE_PEER_PREFIX;
		rule.prefix = *question->peer_address;
	} else {
		return buffer;
	}
	if (question->group_count > 0)
		(void)authorize_text(question->groups[0], question->direction, &rule, buffer);
	return buffer;
}

void fix_by_admitting(struct check_run *run, struct finding *finding,
                      const struct admission_question *question)
{
	char command[ADMIT_TEXT_MAX];
	finding_fix(run, finding, "%s", admit_text(question, command));
}
