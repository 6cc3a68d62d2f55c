/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "tests/unit/random_world.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t random_state;

/* splitmix64 */
static uint64_t next_random(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned below(size_t limit)
{
	return (unsigned)(next_random() % limit);
}

static bool chance(unsigned percent)
{
	return below(100) < percent;
}

/* Few addresses, close to each other and to the ends of the range: most of what is made of them
 * nests, touches or is equal. */
static struct prefix random_address(void)
{
	static const char *const v4[] = {"10.0.0.0",   "10.0.0.129", "10.0.1.0",
	                                 "10.128.0.7", "0.0.0.0",    "255.255.255.255"};
	static const char *const v6[] = {
		"2001:db8::",      "2001:db8::1", "2001:db8:0:1::",
		"2001:db8:8000::", "::",          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
	struct prefix address = {0};
	const char *text = chance(60) ? v4[below(COUNT(v4))] : v6[below(COUNT(v6))];

	if (address_parse(text, &address) < 0)
		abort();
	return address;
}

static struct prefix random_prefix(void)
{
	static const uint8_t v4[] = {0, 1, 7, 8, 9, 16, 23, 24, 25, 31, 32, 32};
	static const uint8_t v6[] = {0, 1, 31, 32, 33, 48, 63, 64, 65, 127, 128, 128};
	struct prefix address = random_address();
	unsigned length = address.family == AF_INET ? v4[below(COUNT(v4))] : v6[below(COUNT(v6))];
	char text[PREFIX_TEXT_MAX + 4];
	char buffer[PREFIX_TEXT_MAX];
	struct prefix prefix = {0};

	(void)snprintf(text, sizeof(text), "%s/%u", prefix_text(&address, buffer), length);
	if (prefix_parse(text, &prefix, NULL) < 0)
		abort();
	return prefix;
}

static int32_t random_port(void)
{
	static const int32_t ports[] = {0,  1,  21,  22,  23,   79,   80,    81,
	                                82, 83, 443, 444, 1023, 1024, 65534, 65535};

	return ports[below(COUNT(ports))];
}

static int16_t random_protocol(void)
{
	static const int16_t protocols[] = {6, 6, 6, 6, 6, 17, 17, 1, 1, 58, 58, 0, 47, 50, 255};

	return protocols[below(COUNT(protocols))];
}

static int32_t random_icmp(void)
{
	static const int32_t values[] = {0, 1, 3, 8, 128, 254, 255};

	return values[below(COUNT(values))];
}

static void choose_ports(struct sg_rule *rule)
{
	int32_t a = random_port();
	int32_t b = chance(40) ? a : random_port();

	rule->from = a < b ? a : b;
	rule->to = a < b ? b : a;
}

static void choose_match(struct sg_rule *rule)
{
	rule->protocol = PROTOCOL_ALL;
	if (!chance(4))
		rule->protocol = random_protocol();
	switch (rule->protocol) {
	case 6:
	case 17:
		choose_ports(rule);
		break;
	case 1:
	case 58:
		rule->from = chance(20) ? -1 : random_icmp();
		rule->to = rule->from == -1 || chance(50) ? -1 : random_icmp();
		break;
	default:
		rule->to = 65535;
	}
}

static struct sg_rule random_rule(void)
{
	static const char *const lists[] = {"pl-0", "pl-1", "pl-2", "pl-unread", "pl-unknown"};
	static const char *const groups[] = {"sg-m0", "sg-m1", "sg-m2", "sg-unknown"};
	struct sg_rule rule = {.peer = RULE_PEER_PREFIX, .description = ""};
	unsigned kind = below(100);

	choose_match(&rule);
	if (kind < 70) {
		rule.prefix = random_prefix();
	} else if (kind < 84) {
		rule.peer = RULE_PEER_PREFIX_LIST;
		rule.peer_id = lists[below(COUNT(lists))];
	} else {
		rule.peer = RULE_PEER_GROUP;
		rule.peer_id = groups[below(COUNT(groups))];
	}
	return rule;
}

static void choose_lists(struct world *world)
{
	static const char *const ids[WORLD_LISTS] = {"pl-0", "pl-1", "pl-2", "pl-unread"};

	for (size_t i = 0; i < WORLD_LISTS; i++) {
		size_t count = below(WORLD_PREFIXES_MAX + 1);

		for (size_t j = 0; j < count; j++)
			world->list_entries[i][j] = random_prefix();
		world->lists[i] = (struct prefix_list){.id = ids[i],
		                                       .name = ids[i],
		                                       .entries = world->list_entries[i],
		                                       .entry_count = count,
		                                       .known = i != 3};
	}
}

static size_t sort_unique(struct prefix *prefixes, size_t count)
{
	size_t kept = 0;

	qsort(prefixes, count, sizeof(*prefixes), prefix_compare);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || !prefix_equal(&prefixes[kept - 1], &prefixes[i]))
			prefixes[kept++] = prefixes[i];
	}
	return kept;
}

static void choose_members(struct world *world)
{
	static const char *const ids[WORLD_MEMBER_SETS] = {"sg-m0", "sg-m1", "sg-m2"};

	for (size_t i = 0; i < WORLD_MEMBER_SETS; i++) {
		struct prefix *prefixes = world->member_prefixes[i];
		size_t count = below(WORLD_PREFIXES_MAX + 1);

		for (size_t j = 0; j < count; j++)
			prefixes[j] = chance(70) ? random_address() : random_prefix();
		count = sort_unique(prefixes, count);
		world->members[i] =
			(struct member_set){.group = ids[i], .prefixes = prefixes, .count = count};
		world->naive_members[i] = (struct naive_members){ids[i], prefixes, count};
	}
}

/* Cuts the rules into groups; again after a rule was taken out. */
static void cut_into_groups(struct world *world)
{
	static const char *const ids[WORLD_GROUPS] = {"sg-0", "sg-1", "sg-2", "sg-3"};
	size_t begin = 0;

	for (size_t i = 0; i < WORLD_GROUPS; i++) {
		size_t end = begin;

		while (end < world->rule_count && world->group_of[end] == i)
			end++;
		world->groups[i] = (struct security_group){.id = ids[i], .name = "", .vpc_id = ""};
		world->groups[i].rules[world->direction] = &world->rules[begin];
		world->groups[i].rule_count[world->direction] = end - begin;
		world->group_list[i] = &world->groups[i];
		begin = end;
	}
}

void world_choose(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->direction = chance(50) ? DIRECTION_EGRESS : DIRECTION_INGRESS;
	world->rule_count = 1 + below(chance(70) ? 10 : WORLD_RULES_MAX);
	for (size_t i = 0; i < world->rule_count; i++) {
		world->rules[i] = i > 0 && chance(5) ? world->rules[below(i)] : random_rule();
		world->group_of[i] = (unsigned)(i * WORLD_GROUPS / world->rule_count);
	}
	choose_lists(world);
	choose_members(world);
	cut_into_groups(world);
}

const struct security_group *world_group(const struct world *world, const char *id)
{
	for (size_t i = 0; i < WORLD_GROUPS; i++) {
		if (strcmp(world->groups[i].id, id) == 0)
			return &world->groups[i];
	}
	return NULL;
}

const struct prefix_list *world_list(const struct world *world, const char *id)
{
	for (size_t i = 0; i < WORLD_LISTS; i++) {
		if (strcmp(world->lists[i].id, id) == 0)
			return &world->lists[i];
	}
	return NULL;
}

const struct member_set *world_members(const struct world *world, const char *group)
{
	for (size_t i = 0; i < WORLD_MEMBER_SETS; i++) {
		if (strcmp(world->members[i].group, group) == 0)
			return &world->members[i];
	}
	return NULL;
}

static struct prefix some_prefix(const struct world *world, const struct sg_rule *rule)
{
	const struct prefix_list *list;
	const struct member_set *members;

	switch (rule->peer) {
	case RULE_PEER_PREFIX:
		return rule->prefix;
	case RULE_PEER_PREFIX_LIST:
		list = world_list(world, rule->peer_id);
		if (list != NULL && list->entry_count > 0)
			return list->entries[below(list->entry_count)];
		break;
	case RULE_PEER_GROUP:
		members = world_members(world, rule->peer_id);
		if (members != NULL && members->count > 0)
			return members->prefixes[below(members->count)];
		break;
	}
	return random_prefix();
}

/* The next address up or down; the last one's next is the first. */
static void step_address(uint8_t *address, unsigned bytes, int step)
{
	for (unsigned i = bytes; i-- > 0;) {
		address[i] = (uint8_t)(address[i] + step);
		if (address[i] != (step > 0 ? 0 : 0xff))
			return;
	}
}

/* An edge of the prefix, just outside it, or anywhere. */
static void choose_peer(struct naive_packet *packet, const struct prefix *prefix)
{
	unsigned bytes = prefix_family_bits(prefix->family) / 8;
	unsigned kind = below(100);
	bool at_end = chance(50);
	struct prefix address = at_end ? prefix_last(prefix) : *prefix;

	if (kind >= 80)
		address = random_address();
	else if (kind >= 60)
		step_address(address.address, bytes, at_end ? 1 : -1);
	packet->family = address.family;
	for (size_t i = 0; i < sizeof(packet->peer); i++)
		packet->peer[i] = address.address[i];
}

static int32_t near(int32_t from, int32_t to)
{
	int32_t choices[] = {from, to, from - 1, to + 1, from + (to - from) / 2};

	return choices[below(COUNT(choices))];
}

struct naive_packet world_packet(const struct world *world)
{
	const struct sg_rule *rule = &world->rules[below(world->rule_count)];
	struct prefix prefix = some_prefix(world, rule);
	struct naive_packet packet = {0};

	choose_peer(&packet, &prefix);
	packet.protocol =
		(uint8_t)(rule->protocol >= 0 && chance(90) ? rule->protocol : random_protocol());
	if (packet.protocol == 6 || packet.protocol == 17)
		packet.port = (uint16_t)(chance(80) ? near(rule->from, rule->to) : random_port());
	if (packet.protocol == 1 || packet.protocol == 58) {
		packet.icmp_type =
			(uint8_t)(chance(80) ? near(rule->from, rule->from) : random_icmp());
		packet.icmp_code = (uint8_t)(chance(60) ? near(rule->to, rule->to) : random_icmp());
	}
	return packet;
}

void world_take_out(struct world *world, size_t number)
{
	size_t behind = world->rule_count - number - 1;

	memmove(&world->rules[number], &world->rules[number + 1], behind * sizeof(struct sg_rule));
	memmove(&world->group_of[number], &world->group_of[number + 1], behind * sizeof(unsigned));
	world->rule_count--;
	cut_into_groups(world);
}

static bool is_referenced(const struct world *world, const char *id)
{
	for (size_t i = 0; i < world->rule_count; i++) {
		if (world->rules[i].peer != RULE_PEER_PREFIX &&
		    strcmp(world->rules[i].peer_id, id) == 0)
			return true;
	}
	return false;
}

static void print_prefixes(const struct world *world, const char *id, const struct prefix *prefixes,
                           size_t count)
{
	char buffer[PREFIX_TEXT_MAX];

	if (!is_referenced(world, id))
		return;
	(void)fprintf(stderr, "  %s:", id);
	for (size_t i = 0; i < count; i++)
		(void)fprintf(stderr, " %s", prefix_text(&prefixes[i], buffer));
	(void)fprintf(stderr, "\n");
}

void world_print(const struct world *world)
{
	char buffer[RULE_TEXT_MAX];

	for (size_t i = 0; i < world->rule_count; i++)
		(void)fprintf(
			stderr, "  sg-%u: %s\n", world->group_of[i],
			rule_text(&world->rules[i], world->direction, buffer, sizeof(buffer)));
	for (size_t i = 0; i < WORLD_LISTS; i++)
		print_prefixes(world, world->lists[i].id, world->lists[i].entries,
		               world->lists[i].known ? world->lists[i].entry_count : 0);
	for (size_t i = 0; i < WORLD_MEMBER_SETS; i++)
		print_prefixes(world, world->members[i].group, world->members[i].prefixes,
		               world->members[i].count);
}

uint64_t random_begin(void)
{
	const char *text = getenv("PODSG_SEED");

	if (text != NULL)
		random_state = strtoull(text, NULL, 0);
	else if (getrandom(&random_state, sizeof(random_state), 0) != sizeof(random_state))
		random_state = 1;
	return random_state;
}
