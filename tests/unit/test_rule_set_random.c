/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "nft-sync/compile/rule_set.h"
#include "nft-sync/judge/rule_match.h"
#include "tests/unit/naive.h"
#include "tests/unit/random_world.h"
#include "tests/unit/rule_set_check.h"

#define WORLDS 10000
#define PACKETS 40 /* a world */

static bool permits_by_naive(const struct world *world, const struct naive_packet *packet)
{
	struct naive_world naive = {
		.groups = world->group_list,
		.group_count = WORLD_GROUPS,
		.lists = world->lists,
		.list_count = WORLD_LISTS,
		.members = world->naive_members,
		.member_count = WORLD_MEMBER_SETS,
	};

	return naive_permits(&naive, world->direction, packet);
}

static struct prefix peer_of(const struct naive_packet *packet)
{
	struct prefix peer = {.family = packet->family};

	peer.length = (uint8_t)prefix_family_bits(peer.family);
	memcpy(peer.address, packet->peer, sizeof(peer.address));
	return peer;
}

static const struct prefix_list *find_list(void *context, const char *id)
{
	return world_list(context, id);
}

static const struct security_group *find_group(void *context, const char *id)
{
	return world_group(context, id);
}

static bool is_member(void *context, const char *group, const struct prefix *address)
{
	const struct member_set *members = world_members(context, group);

	return members != NULL && member_set_contains(members, address);
}

static struct rule_set *compile(struct world *world)
{
	struct rule_set_input input = {
		.direction = world->direction,
		.groups = world->group_list,
		.group_count = WORLD_GROUPS,
		.prefix_list = find_list,
		.context = world,
	};
	struct rule_set *set = NULL;
	struct error err = {0};

	assert_int_equal(rule_set_compile(&input, &set, &err), 0);
	return set;
}

static bool permits_by_sets(struct world *world, const struct rule_set *set,
                            const struct naive_packet *packet)
{
	bool v4 = packet->family == AF_INET;
	bool icmp = packet->protocol == (v4 ? 1 : 58);
	bool ports = packet->protocol == 6 || packet->protocol == 17;
	struct match match = {.peer = peer_of(packet), .protocol = packet->protocol};

	if (icmp)
		match.value = (uint16_t)(packet->icmp_type << 8 | packet->icmp_code);
	if (ports)
		match.value = packet->port;
	return rule_set_permits(set, &match, is_member, world);
}

/* A node with one standard pod and nothing exempt: what is left of the verdict are the rules. */
static bool permits_by_judge(struct world *world, const struct naive_packet *packet)
{
	const char *ids[WORLD_GROUPS] = {"sg-0", "sg-1", "sg-2", "sg-3"};
	struct config config = {.standard_node_groups = NODE_GROUPS_NEVER};
	struct branch branch = {.interface = "eni0",
	                        .mode = MODE_STANDARD,
	                        .groups = ids,
	                        .group_count = WORLD_GROUPS};
	struct resolution resolution = {
		.config = &config,
		.branches = &branch,
		.branch_count = 1,
		.members = world->members,
		.member_count = WORLD_MEMBER_SETS,
		.primary_interface = "eth0",
	};
	struct judge_rules rules = {find_group, find_list, world};
	bool egress = world->direction == DIRECTION_EGRESS;
	struct packet seen = {
		.in = egress ? "eni0" : "eth0",
		.out = egress ? "eth0" : "eni0",
		.source = peer_of(packet),
		.destination = peer_of(packet),
		.protocol = packet->protocol,
		.port = packet->port,
		.original_port = packet->port,
		.icmp_type = packet->icmp_type,
		.icmp_code = packet->icmp_code,
		.hop_limit = 64,
	};
	struct verdict verdict;

	judge(&resolution, &rules, &seen, &verdict);
	return verdict.permitted;
}

static size_t groups_of(const struct world *world, const struct prefix *peer,
                        const char *ret[static WORLD_MEMBER_SETS])
{
	size_t count = 0;

	for (size_t i = 0; i < WORLD_MEMBER_SETS; i++)
		if (member_set_contains(&world->members[i], peer))
			ret[count++] = world->members[i].group;
	return count;
}

/* Who knows the peer's groups need not know the members of all groups. */
static bool permits_by_member(struct world *world, const struct naive_packet *packet)
{
	const struct judge_rules rules = {find_group, find_list, world};
	const struct prefix address = peer_of(packet);
	const char *groups[WORLD_MEMBER_SETS];
	const struct rule_member member = {groups, groups_of(world, &address, groups), &address};
	const struct packet seen = {.source = address,
	                            .protocol = packet->protocol,
	                            .icmp_type = packet->icmp_type,
	                            .icmp_code = packet->icmp_code};

	for (size_t i = 0; i < world->rule_count; i++)
		if (rule_matches_service(&world->rules[i], &seen, packet->port) &&
		    rule_matches_member(&world->rules[i], &rules, &member))
			return true;
	return false;
}

/* Who is not of the naive evaluator's opinion: NULL, or a name for the report. */
static const char *dissenter(struct world *world, const struct rule_set *set,
                             const struct naive_packet *packet)
{
	bool permitted = permits_by_naive(world, packet);

	if (permits_by_sets(world, set, packet) != permitted)
		return "compiled sets";
	if (permits_by_member(world, packet) != permitted)
		return "judge of members";
	return permits_by_judge(world, packet) != permitted ? "judge" : NULL;
}

static bool still_fails(struct world *world, const struct naive_packet *packet)
{
	struct rule_set *set = compile(world);
	bool fails = rule_set_broken_promise(set) != NULL;

	if (packet != NULL)
		fails = dissenter(world, set, packet) != NULL;
	rule_set_free(set);
	return fails;
}

/* Takes out every rule without which it fails all the same. packet NULL: a broken promise. */
static void reduce(struct world *world, const struct naive_packet *packet)
{
	static struct world smaller;

	for (size_t i = world->rule_count; i-- > 0;) {
		smaller = *world;
		world_take_out(&smaller, i);
		if (!still_fails(&smaller, packet))
			continue;
		world_take_out(world, i);
	}
}

static void report_promise(struct world *world, const char *broken)
{
	reduce(world, NULL);
	world_print(world);
	fail_msg("broken promise: %s", broken);
}

static void report_packet(struct world *world, const struct naive_packet *packet, const char *who)
{
	struct prefix peer = peer_of(packet);
	char buffer[PREFIX_TEXT_MAX];

	reduce(world, packet);
	world_print(world);
	print_error("  packet: %s peer %s protocol %u port %u type %u code %u\n",
	            direction_name(world->direction), prefix_text(&peer, buffer), packet->protocol,
	            packet->port, packet->icmp_type, packet->icmp_code);
	fail_msg("the rules %s it; not so the %s",
	         permits_by_naive(world, packet) ? "permit" : "do not permit", who);
}

/* Returns how many of its packets were permitted. */
static size_t probe_world(struct world *world)
{
	struct rule_set *set = compile(world);
	const char *broken = rule_set_broken_promise(set);
	const char *who = NULL;
	struct naive_packet packet;
	size_t permitted = 0;

	for (size_t i = 0; i < PACKETS && who == NULL; i++) {
		packet = world_packet(world);
		who = dissenter(world, set, &packet);
		permitted += permits_by_naive(world, &packet);
	}
	rule_set_free(set);
	if (who != NULL)
		report_packet(world, &packet, who);
	if (broken != NULL)
		report_promise(world, broken);
	return permitted;
}

static void compiler_and_judge_agree_with_the_naive_reading(void **state)
{
	static struct world world;
	size_t permitted = 0;

	(void)state;
	for (size_t i = 0; i < WORLDS; i++) {
		world_choose(&world);
		permitted += probe_world(&world);
	}
	print_message("%d pairs, %zu permitted\n", WORLDS * PACKETS, permitted);
	assert_in_range(permitted, WORLDS * PACKETS / 5, WORLDS * PACKETS / 5 * 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compiler_and_judge_agree_with_the_naive_reading),
	};

	print_message("PODSG_SEED=%" PRIu64 "\n", random_begin());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
