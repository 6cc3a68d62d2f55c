/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nft-sync/resolve/interface_name.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void interface_names_are_those_of_the_vpc_cni(void **state)
{
	static const struct {
		const char *prefix;
		const char *namespace;
		const char *pod;
		const char *name;
	} rows[] = {
		{"vlan", "default", "nginx", "vlanc440f455693"},
		{"vlan", "ns", "pod", "vlane34aba5891b"},
		{"eni", "default", "nginx", "enic440f455693"},
		{"toolong", "default", "nginx", "toolc440f455693"},
	};
	char name[16];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		interface_name(rows[i].prefix, rows[i].namespace, rows[i].pod, name);
		assert_string_equal(name, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interface_names_are_those_of_the_vpc_cni),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
