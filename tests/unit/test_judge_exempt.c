/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/judge/judge.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIXED 11 /* services that do not depend on the VPC */
#define CIDRS_MAX 4

struct vpc_row {
	const char *sentence;
	const char *cidrs[CIDRS_MAX];
	const char *resolvers[CIDRS_MAX]; /* what udp/53 is exempt to beside the fixed ones */
};

static const struct vpc_row vpc_rows[] = {
	{"no VPC CIDR, no VPC+2", {NULL}, {NULL}},
	{"a VPC CIDR has its resolver at base plus two", {"10.1.0.0/16"}, {"10.1.0.2"}},
	{"each CIDR has one", {"10.1.0.0/16", "100.64.0.0/28"}, {"10.1.0.2", "100.64.0.2"}},
	{"the same one twice is there once", {"10.1.0.0/16", "10.1.0.0/20"}, {"10.1.0.2"}},
	{"an IPv6 CIDR has none", {"2001:db8::/56"}, {NULL}},
	{"a CIDR without room for it has none", {"10.1.0.0/31", "10.1.0.1/32"}, {NULL}},
};

/* A resolution that has only what exemptions depend on. */
struct bare_node {
	struct config config;
	struct resolution resolution;
};

static void node_with(bool exempt, struct bare_node *ret)
{
	*ret = (struct bare_node){.resolution.config = &ret->config};
	memset(ret->config.exempt, exempt, sizeof(ret->config.exempt));
}

static size_t services_of(const struct bare_node *node, struct arena *arena,
                          struct exempt_service **ret)
{
	size_t count = exempt_services(&node->resolution, arena, ret);

	assert_non_null(*ret);
	return count;
}

static void check_vpc_row(void **state)
{
	const struct vpc_row *row = *state;
	struct arena *arena = arena_new(1U << 16);
	struct bare_node node;
	struct exempt_service *services;
	struct prefix cidrs[CIDRS_MAX];
	char text[PREFIX_TEXT_MAX];
	size_t count = 0;
	size_t resolvers = 0;

	node_with(true, &node);
	for (; count < CIDRS_MAX && row->cidrs[count] != NULL; count++)
		assert_int_equal(prefix_parse(row->cidrs[count], &cidrs[count], NULL), 0);
	node.resolution.vpc_cidrs = cidrs;
	node.resolution.vpc_cidr_count = count;
	count = services_of(&node, arena, &services);
	for (size_t i = FIXED; i < count; i++) {
		assert_int_equal(services[i].exemption, EXEMPT_VPC_DNS);
		assert_int_equal(services[i].port, 53);
		if (services[i].protocol == IPPROTO_UDP)
			assert_string_equal(prefix_text(&services[i].address, text),
			                    row->resolvers[resolvers++]);
	}
	assert_null(row->resolvers[resolvers]);
	assert_int_equal(count, FIXED + 2 * resolvers);
	arena_free(arena);
}

static void what_is_listed_is_found_and_nothing_beside_it(void **state)
{
	struct arena *arena = arena_new(1U << 16);
	struct bare_node node;
	struct prefix cidr = {AF_INET, 16, {10, 1}};
	struct exempt_service *services;
	enum exemption found;
	size_t count;

	(void)state;
	node_with(true, &node);
	node.resolution.vpc_cidrs = &cidr;
	node.resolution.vpc_cidr_count = 1;
	count = services_of(&node, arena, &services);
	for (size_t i = 0; i < count; i++) {
		const struct exempt_service *service = &services[i];
		struct prefix beside = service->address;

		assert_true(exempt_service_find(&node.resolution, &service->address,
		                                service->protocol, service->port, &found));
		assert_int_equal(found, service->exemption);
		assert_false(exempt_service_find(&node.resolution, &service->address,
		                                 service->protocol, service->port + 1, &found));
		assert_false(exempt_service_find(&node.resolution, &service->address, IPPROTO_SCTP,
		                                 service->port, &found));
		beside.address[beside.family == AF_INET ? 3 : 15] ^= 0x80;
		assert_false(exempt_service_find(&node.resolution, &beside, service->protocol,
		                                 service->port, &found));
	}
	arena_free(arena);
}

static void each_exemption_is_switched_off_by_itself(void **state)
{
	struct arena *arena = arena_new(1U << 16);
	struct bare_node all;
	struct exempt_service *services;
	size_t count;

	(void)state;
	node_with(true, &all);
	count = services_of(&all, arena, &services);
	for (unsigned off = 0; off < EXEMPTIONS; off++) {
		struct bare_node node;
		enum exemption found;

		node_with(true, &node);
		node.config.exempt[off] = false;
		for (size_t i = 0; i < count; i++)
			assert_int_equal(exempt_service_find(&node.resolution, &services[i].address,
			                                     services[i].protocol, services[i].port,
			                                     &found),
			                 services[i].exemption != off);
	}
	arena_free(arena);
}

static void nothing_is_listed_where_all_is_off(void **state)
{
	struct arena *arena = arena_new(1U << 16);
	struct bare_node node;
	struct exempt_service *services;

	(void)state;
	node_with(false, &node);
	assert_int_equal(services_of(&node, arena, &services), 0);
	arena_free(arena);
}

static void lack_of_memory_is_no_list(void **state)
{
	struct arena *arena = arena_new(16);
	struct bare_node node;
	struct exempt_service *services;

	(void)state;
	node_with(true, &node);
	assert_int_equal(exempt_services(&node.resolution, arena, &services), 0);
	assert_null(services);
	arena_free(arena);
}

int main(void)
{
	struct CMUnitTest row_tests[COUNT(vpc_rows)];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_listed_is_found_and_nothing_beside_it),
		cmocka_unit_test(each_exemption_is_switched_off_by_itself),
		cmocka_unit_test(nothing_is_listed_where_all_is_off),
		cmocka_unit_test(lack_of_memory_is_no_list),
	};
	int failed;

	for (size_t i = 0; i < COUNT(vpc_rows); i++)
		row_tests[i] = (struct CMUnitTest){vpc_rows[i].sentence, check_vpc_row, NULL, NULL,
		                                   (void *)(uintptr_t)&vpc_rows[i]};
	failed = cmocka_run_group_tests(row_tests, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL) + failed;
}
