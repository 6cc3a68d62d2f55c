/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RULE_MATCH_H
#define PODSG_RULE_MATCH_H

/* The two halves of a rule, asked of a packet: judge() wants both, near_rule_find() what lacks. */

#include "nft-sync/judge/judge.h"

/* Protocol and port, or ICMP type and code. port is the one that counts: see struct packet. */
bool rule_matches_service(const struct sg_rule *rule, const struct packet *packet, uint16_t port);

bool rule_matches_peer(const struct sg_rule *rule, const struct resolution *resolution,
                       const struct judge_rules *rules, const struct prefix *peer);

/* Somebody of whom the groups are known, where nobody has worked out the members of all groups. */
struct rule_member {
	const char *const *groups; /* ids */
	size_t group_count;
	const struct prefix *address; /* NULL: not known */
};
bool rule_matches_member(const struct sg_rule *rule, const struct judge_rules *rules,
                         const struct rule_member *peer);

/* "tcp", "icmpv6", "protocol 47", "every protocol"; perhaps in buffer. */
#define PROTOCOL_TEXT_MAX 20
const char *protocol_text(int protocol, char buffer[static PROTOCOL_TEXT_MAX]);

#endif
