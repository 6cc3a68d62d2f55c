/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NEAR_RULE_H
#define PODSG_NEAR_RULE_H

/*
 * Of a packet that no rule permits: the rule that came nearest to it, and what it lacks.
 *
 * Near is what a person would look at first. From near to far:
 *   1. the service is named, the peer is another (narrow port ranges before wide ones)
 *   2. the peer is right, the port or ICMP type is another (nearby ports before distant ones)
 *   3. every port or every protocol, the peer is another: such a rule is about peers only
 *   4. the peer is right, the protocol is another (those with the packet's port first)
 *   5. the protocol is right, peer and port are others (nearby ports first)
 * Rules that have nothing in common with the packet are not near. Within one distance peers of the
 * packet's address family come first, then the order of the groups and of their rules decides.
 */

#include "nft-sync/judge/judge.h"

struct near_question {
	const struct resolution *resolution;
	const struct judge_rules *rules;
	const struct packet *packet;
	enum direction direction;
	const char *const *groups; /* ids; unknown ones are skipped */
	size_t group_count;
	uint16_t port; /* the packet's, as these groups see it: see judge() */
};

struct near_rule {
	const struct security_group *group;
	const struct sg_rule *rule;
	bool peer, port, protocol; /* what differs; port: ICMP type and code, too */
};

/* Whether any rule is near. */
bool near_rule_find(const struct near_question *question, struct near_rule *ret);

/* "sg-a (web) tcp/5432 from sg-b: 10.0.9.9 is not a member of sg-b". Returns buffer. */
#define NEAR_TEXT_MAX 640
const char *near_rule_text(const struct near_question *question, const struct near_rule *near,
                           char buffer[static NEAR_TEXT_MAX]);

/* What the judge dropped, asked again: reasons "rules" and "node-groups" only. */
struct near_question near_question_of(const struct resolution *resolution,
                                      const struct judge_rules *rules, const struct packet *packet,
                                      const struct branch *branch, enum direction direction,
                                      bool node_groups);

#endif
