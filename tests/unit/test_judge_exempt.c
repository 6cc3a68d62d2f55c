/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/judge.h"

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

static struct config config_with(bool exempt)
{
	struct config config = {0};

	memset(config.exempt, exempt, sizeof(config.exempt));
	return config;
}

static size_t services_of(const struct config *config, struct arena *arena,
                          struct exempt_service **ret)
{
	size_t count = exempt_services(config, arena, ret);

	assert_non_null(*ret);
	return count;
}

static void check_vpc_row(void **state)
{
	const struct vpc_row *row = *state;
	struct arena *arena = arena_new(1U << 16);
	struct config config = config_with(true);
	struct exempt_service *services;
	struct prefix cidrs[CIDRS_MAX];
	char text[PREFIX_TEXT_MAX];
	size_t count;
	size_t resolvers = 0;

	config.vpc_cidrs = cidrs;
	while (config.vpc_cidr_count < CIDRS_MAX && row->cidrs[config.vpc_cidr_count] != NULL) {
		const char *cidr = row->cidrs[config.vpc_cidr_count];

		assert_int_equal(prefix_parse(cidr, &cidrs[config.vpc_cidr_count++], NULL), 0);
	}
	count = services_of(&config, arena, &services);
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
	struct config config = config_with(true);
	struct prefix cidr = {AF_INET, 16, {10, 1}};
	struct exempt_service *services;
	enum exemption found;
	size_t count;

	(void)state;
	config.vpc_cidrs = &cidr;
	config.vpc_cidr_count = 1;
	count = services_of(&config, arena, &services);
	for (size_t i = 0; i < count; i++) {
		const struct exempt_service *service = &services[i];
		struct prefix beside = service->address;

		assert_true(exempt_service_find(&config, &service->address, service->protocol,
		                                service->port, &found));
		assert_int_equal(found, service->exemption);
		assert_false(exempt_service_find(&config, &service->address, service->protocol,
		                                 service->port + 1, &found));
		assert_false(exempt_service_find(&config, &service->address, IPPROTO_SCTP,
		                                 service->port, &found));
		beside.address[beside.family == AF_INET ? 3 : 15] ^= 0x80;
		assert_false(exempt_service_find(&config, &beside, service->protocol, service->port,
		                                 &found));
	}
	arena_free(arena);
}

static void each_exemption_is_switched_off_by_itself(void **state)
{
	struct arena *arena = arena_new(1U << 16);
	struct config all = config_with(true);
	struct exempt_service *services;
	size_t count = services_of(&all, arena, &services);

	(void)state;
	for (unsigned off = 0; off < EXEMPTIONS; off++) {
		struct config config = config_with(true);
		enum exemption found;

		config.exempt[off] = false;
		for (size_t i = 0; i < count; i++)
			assert_int_equal(exempt_service_find(&config, &services[i].address,
			                                     services[i].protocol, services[i].port,
			                                     &found),
			                 services[i].exemption != off);
	}
	arena_free(arena);
}

static void nothing_is_listed_where_all_is_off(void **state)
{
	struct arena *arena = arena_new(1U << 16);
	struct config config = config_with(false);
	struct exempt_service *services;

	(void)state;
	assert_int_equal(services_of(&config, arena, &services), 0);
	arena_free(arena);
}

static void lack_of_memory_is_no_list(void **state)
{
	struct arena *arena = arena_new(16);
	struct config config = config_with(true);
	struct exempt_service *services;

	(void)state;
	assert_int_equal(exempt_services(&config, arena, &services), 0);
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
