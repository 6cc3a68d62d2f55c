/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/draw/render_closed.h"
#include "tests/unit/drawing.h"
#include "tests/unit/kernel_model.h"

#define WITH_ENI                                                                                   \
	POD("pod", "u1",                                                                           \
	    CREATED("2026-01-01T00:00:00Z") ENI("eni-1", "10.0.1.5", "3") ON("n1", "10.0.1.5"))
#define SG_1 POLICY("p", "podSelector: {}", "sg-1")
#define CLOSED_COMMENT                                                                             \
	"\t\tcomment \"until podsg-nft-sync has rules; podsg-nft-sync --clean-up opens it\"\n"
#define NEIGHBOURS                                                                                 \
	"\tset neighbour-discovery {\n"                                                            \
	"\t\ttype icmpv6_type\n"                                                                   \
	"\t\tcomment \"RFC 4861\"\n"                                                               \
	"\t\telements = { 133,\n"                                                                  \
	"\t\t             134,\n"                                                                  \
	"\t\t             135,\n"                                                                  \
	"\t\t             136,\n"                                                                  \
	"\t\t             137 }\n"                                                                 \
	"\t}\n"
#define HOOKS                                                                                      \
	"\tchain forward {\n"                                                                      \
	"\t\tcomment \"strict pods only\"\n"                                                       \
	"\t\ttype filter hook forward priority 0; policy accept;\n"                                \
	"\t\tiifname \"vlan*\" meta iifkind \"veth\" jump closed-egress\n"                         \
	"\t\toifname \"vlan*\" meta oifkind \"veth\" jump closed-ingress\n"                        \
	"\t}\n"                                                                                    \
	"\n"                                                                                       \
	"\tchain input {\n"                                                                        \
	"\t\tcomment \"strict pods only\"\n"                                                       \
	"\t\ttype filter hook input priority 0; policy accept;\n"                                  \
	"\t\tiifname \"vlan*\" meta iifkind \"veth\" jump closed-egress\n"                         \
	"\t}\n"                                                                                    \
	"\n"                                                                                       \
	"\tchain output {\n"                                                                       \
	"\t\tcomment \"strict pods only\"\n"                                                       \
	"\t\ttype filter hook output priority 0; policy accept;\n"                                 \
	"\t\toifname \"vlan*\" meta oifkind \"veth\" jump closed-ingress\n"                        \
	"\t}\n"

static struct image *closed(const char *const *there_before, size_t count)
{
	struct image *image = NULL;

	assert_int_equal(render_closed(there_before, count, &image), 0);
	assert_true(image->present);
	return image;
}

static void assert_prints(struct image *image, const char *expected)
{
	char *text = image_text(image);

	assert_string_equal(text, expected);
	free(text);
	image_free(image);
}

static void strict_interfaces_exchange_neighbour_discovery_and_nothing_else(void **state)
{
	(void)state;
	assert_prints(closed(NULL, 0), "table inet t {\n"
	                               "\n" NEIGHBOURS "\n"
	                               "\tchain closed-egress {\n" CLOSED_COMMENT
	                               "\t\tiifname \"vlan.eth.*\" return\n"
	                               "\t\ticmpv6 type @neighbour-discovery ip6 hoplimit 255 "
	                               "return\n"
	                               "\t\tcounter drop\n"
	                               "\t}\n"
	                               "\n"
	                               "\tchain closed-ingress {\n" CLOSED_COMMENT
	                               "\t\toifname \"vlan.eth.*\" return\n"
	                               "\t\ticmpv6 type @neighbour-discovery ip6 hoplimit 255 "
	                               "return\n"
	                               "\t\tcounter drop\n"
	                               "\t}\n"
	                               "\n" HOOKS "}\n");
}

static void interfaces_that_were_there_before_pass(void **state)
{
	static const char *const names[] = {"vlan0123456789b", "vlan0123456789a"};

	(void)state;
	assert_prints(
		closed(names, 2),
		"table inet t {\n"
		"\n" NEIGHBOURS "\n"
		"\tset there-before {\n"
		"\t\ttype ifname\n"
		"\t\tcomment \"were there when all others closed\"\n"
		"\t\telements = { \"vlan0123456789a\",\n"
		"\t\t             \"vlan0123456789b\" }\n"
		"\t}\n"
		"\n"
		"\tchain closed-egress {\n" CLOSED_COMMENT "\t\tiifname \"vlan.eth.*\" return\n"
		"\t\tiifname @there-before return\n"
		"\t\ticmpv6 type @neighbour-discovery ip6 hoplimit 255 return\n"
		"\t\tcounter drop\n"
		"\t}\n"
		"\n"
		"\tchain closed-ingress {\n" CLOSED_COMMENT "\t\toifname \"vlan.eth.*\" return\n"
		"\t\toifname @there-before return\n"
		"\t\ticmpv6 type @neighbour-discovery ip6 hoplimit 255 return\n"
		"\t\tcounter drop\n"
		"\t}\n"
		"\n" HOOKS "}\n");
}

static void digest_all(struct image *image)
{
	for (size_t i = 0; i < image->chain_count; i++)
		chain_digest(image->chains[i]);
}

static void apply(struct kernel_model *kernel, const struct image *from, const struct image *to,
                  bool replaces)
{
	struct delta *delta = NULL;

	assert_int_equal(delta_make(from, to, &delta), 0);
	assert_int_equal(delta->steps[0].kind == DELTA_DELETE_TABLE, replaces);
	const char *refusal = kernel_model_apply(kernel, delta);
	if (refusal)
		fail_msg("%s", refusal);
	delta_free(delta);
	const char *difference = kernel_model_differs(kernel, to);
	if (difference)
		fail_msg("%s", difference);
}

/* One delta is one transaction. */
static void rules_take_its_place_in_one_transaction(void **state)
{
	static const char *const names[] = {"vlan0123456789a"};
	struct drawing drawing;

	(void)state;
	drawing_open(&drawing, "version: 1\nnode: {name: n1, primaryInterface: eth0}\n");
	setting_put(&drawing.setting, "cluster.yaml", KUBERNETES(WITH_ENI SG_1));
	setting_put(&drawing.setting, "groups.yaml", GROUPS(GROUP("sg-1", "")));
	drawing_draw(&drawing);
	digest_all(drawing.image);
	for (int orphan = 0; orphan < 2; orphan++) {
		struct kernel_model *kernel = kernel_model_new();
		struct image *image = closed(names, 1);

		digest_all(image);
		apply(kernel, NULL, image, false);
		image->orphan = orphan;
		apply(kernel, image, drawing.image, orphan);
		image_free(image);
		kernel_model_free(kernel);
	}
	drawing_close(&drawing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strict_interfaces_exchange_neighbour_discovery_and_nothing_else),
		cmocka_unit_test(interfaces_that_were_there_before_pass),
		cmocka_unit_test(rules_take_its_place_in_one_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
