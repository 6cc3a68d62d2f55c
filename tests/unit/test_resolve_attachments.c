/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/setting.h"

#define STANDARD "version: 1\nnode: {name: n1}\nenforcingMode: standard\n"
#define SG_1 POLICY("p", "podSelector: {}", "sg-1")
#define WEB KUBERNETES(POD("web", "u1", ON("n1", "10.0.0.5")) SG_1)
#define STATIC(uid, hash)                                                                          \
	KUBERNETES(POD("web", uid,                                                                 \
	               ", annotations: {kubernetes.io/config.hash: " hash                          \
	               "}" ON("n1", "10.0.0.5")) SG_1)

static int open_setting(void **state)
{
	static struct setting setting;
	setting_open(&setting, STANDARD);
	setting_put(&setting, "g.yaml", GROUPS(GROUP("sg-1", FROM_GROUP("sg-1"))));
	*state = &setting;
	return 0;
}

static int close_setting(void **state)
{
	setting_close(*state);
	return 0;
}

/* Of ns/web, uid u1, where the test does not say otherwise. */
static struct attachment attachment_of(const char *sandbox, const char *interface, int64_t created)
{
	struct attachment attachment = {.ifname = "eth0",
	                                .namespace = "ns",
	                                .pod = "web",
	                                .uid = "u1",
	                                .mode = MODE_STANDARD,
	                                .created = created,
	                                .state = ATTACHMENT_READY};
	(void)snprintf(attachment.sandbox, sizeof(attachment.sandbox), "%s", sandbox);
	(void)snprintf(attachment.interface, sizeof(attachment.interface), "%s", interface);
	return attachment;
}

static void put_new(struct setting *setting, const char *sandbox, const char *interface,
                    int64_t created)
{
	const struct attachment attachment = attachment_of(sandbox, interface, created);
	setting_attach(setting, &attachment);
}

static const struct branch *resolved(struct setting *setting)
{
	setting_resolve(setting);
	return setting_branch(setting, "ns/web");
}

static const struct branch *branch_on(const struct setting *setting, const char *interface)
{
	return resolution_branch(setting->resolution, interface);
}

static void interface_and_mode_are_those_of_the_journal(void **state)
{
	struct setting *setting = *state;
	struct attachment attachment = attachment_of("s1", "veth7", 1);
	attachment.mode = MODE_STRICT;
	memcpy(attachment.device, "vlan.eth.7", sizeof("vlan.eth.7"));
	setting_links(setting, "eth0 veth7");
	setting_put(setting, "a.yaml", WEB);
	setting_attach(setting, &attachment);
	const struct branch *branch = resolved(setting);
	assert_string_equal(branch->interface, "veth7");
	assert_string_equal(branch->device, "vlan.eth.7");
	assert_string_equal(branch->sandbox.sandbox, "s1");
	assert_int_equal(branch->mode, MODE_STRICT);
	assert_true(branch->present);
}

/* The VPC CNI's name, found by its prefix. */
static void an_interface_that_the_journal_does_not_know_is_looked_for(void **state)
{
	struct setting *setting = *state;
	setting_links(setting, "eth0 vlane34aba5891b");
	setting_put(setting, "a.yaml", KUBERNETES(POD("pod", "u1", ON("n1", "10.0.0.5")) SG_1));
	struct attachment attachment = attachment_of("s1", "", 1);
	memcpy(attachment.pod, "pod", sizeof("pod"));
	setting_attach(setting, &attachment);
	setting_resolve(setting);
	const struct branch *branch = setting_branch(setting, "ns/pod");
	assert_string_equal(branch->interface, "vlane34aba5891b");
	assert_int_equal(branch->mode, MODE_STANDARD);
}

static void a_later_interface_of_the_same_name_is_not_the_sandboxs(void **state)
{
	struct setting *setting = *state;
	struct attachment attachment = attachment_of("s1", "veth7", 1);
	setting_put(setting, "a.yaml", WEB);
	setting_links(setting, "eth0 veth7");
	attachment.interface_index = 2;
	setting_attach(setting, &attachment);
	assert_true(resolved(setting)->present);
	attachment.interface_index = 3;
	setting_attach(setting, &attachment);
	assert_false(resolved(setting)->present);
}

static void a_renamed_interface_is_the_sandboxs_by_its_number(void **state)
{
	static const struct {
		const char *links;
		unsigned index;
		enum attachment_state state;
		const char *interface; /* "": it is not there */
	} cases[] = {
		{"eth0 other", 2, ATTACHMENT_READY, "other"},
		{"eth0 other veth7", 2, ATTACHMENT_READY, "other"},
		{"eth0 other:veth7", 2, ATTACHMENT_READY, "other"},
		{"eth0 other:veth7", 2, ATTACHMENT_GONE, "other"},
		{"eth0 other:veth7 veth7", 2, ATTACHMENT_GONE, "other"},
		{"eth0 other:veth7", 0, ATTACHMENT_READY, "other"},
		{"eth0 veth7:other", 0, ATTACHMENT_READY, ""},
		{"eth0 other", 3, ATTACHMENT_READY, ""},
		{"eth0 other", 2, ATTACHMENT_GONE, ""},
		{"eth0 veth8", 2, ATTACHMENT_READY, ""},
	};
	struct setting *setting = *state;
	struct attachment another = attachment_of("s8", "veth8", 2);
	another.interface_index = 2;
	memcpy(another.pod, "unknown", sizeof("unknown"));
	setting_attach(setting, &another);
	setting_put(setting, "a.yaml", WEB);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct attachment attachment = attachment_of("s1", "veth7", 1);
		attachment.interface_index = cases[i].index;
		attachment.state = cases[i].state;
		setting_links(setting, cases[i].links);
		setting_attach(setting, &attachment);
		resolution_free(setting->resolution);
		setting->resolution = NULL;
		const struct branch *branch = resolved(setting);
		if (branch->present != (cases[i].interface[0] != '\0') ||
		    (branch->present && strcmp(branch->interface, cases[i].interface) != 0))
			fail_msg("case %zu: %s, %s", i, branch->interface,
			         branch->present ? "there" : "not there");
		assert_int_equal(setting_says(setting, "is called other now"), branch->present);
	}
}

static void an_orphan_keeps_its_rules_whatever_its_interface_is_called(void **state)
{
	struct setting *setting = *state;
	setting_links(setting, "eth0 veth7");
	setting_put(setting, "a.yaml", WEB);
	put_new(setting, "s1", "veth7", 1);
	setting_resolve(setting);
	setting_remove(setting, "a.yaml");
	for (const char *const *name = (const char *const[]){"a", "b", "veth7", NULL}; *name;
	     name++) {
		char links[32];
		(void)snprintf(links, sizeof(links), "eth0 %s:veth7", *name);
		setting_links(setting, links);
		assert_string_equal(resolved(setting)->interface, *name);
		assert_true(resolved(setting)->orphan);
		assert_string_equal(resolved(setting)->sandbox.sandbox, "s1");
	}
	setting_links(setting, "eth0 veth7:another");
	assert_null(resolved(setting));
}

static void a_renamed_interface_keeps_its_rules_beside_its_successor(void **state)
{
	struct setting *setting = *state;
	struct attachment older = attachment_of("s1", "veth7", 1);
	struct attachment newer = attachment_of("s2", "veth7", 2);
	older.interface_index = 2;
	newer.interface_index = 3;
	setting_links(setting, "eth0 veth7");
	setting_put(setting, "a.yaml", WEB);
	setting_attach(setting, &older);
	setting_resolve(setting);
	setting_links(setting, "eth0 other:veth7 veth7");
	setting_attach(setting, &newer);
	for (unsigned round = 0; round < 4; round++) {
		setting_resolve(setting);
		assert_string_equal(branch_on(setting, "veth7")->sandbox.sandbox, "s2");
		assert_false(branch_on(setting, "veth7")->orphan);
		assert_non_null(branch_on(setting, "other"));
		assert_true(branch_on(setting, "other")->orphan);
		assert_string_equal(branch_on(setting, "other")->sandbox.sandbox,
		                    older.state == ATTACHMENT_GONE ? "" : "s1");
		if (round == 1) {
			older.state = ATTACHMENT_GONE;
			setting_attach(setting, &older);
		}
	}
}

static void whose_attachment_it_is(void **state)
{
	static const struct {
		const char *document, *namespace, *pod, *uid, *address;
		bool found;
	} cases[] = {
		{WEB, "ns", "web", "u1", "", true},
		{WEB, "ns", "web", "u2", "", false},
		{WEB, "ns", "web", "", "", true},
		{WEB, "ns", "other", "u1", "", false},
		{WEB, "other", "web", "u1", "", false},
		{WEB, "", "", "", "10.0.0.5", true},
		{WEB, "", "", "", "10.0.0.6", false},
		{WEB, "", "", "", "", false},
		{KUBERNETES(POD("web", "", ON("n1", "10.0.0.5")) SG_1), "ns", "web", "u1", "",
	         true},
		{STATIC("mirror", "hash"), "ns", "web", "hash", "", true},
		{STATIC("mirror", "hash"), "ns", "web", "mirror", "", true},
		{STATIC("mirror", "hash"), "ns", "web", "older-hash", "", false},
	};
	struct setting *setting = *state;
	setting_links(setting, "eth0 veth7");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct attachment attachment = attachment_of("s1", "veth7", 1);
		(void)snprintf(attachment.namespace, sizeof(attachment.namespace), "%s",
		               cases[i].namespace);
		(void)snprintf(attachment.pod, sizeof(attachment.pod), "%s", cases[i].pod);
		(void)snprintf(attachment.uid, sizeof(attachment.uid), "%s", cases[i].uid);
		if (cases[i].address[0]) {
			assert_int_equal(address_parse(cases[i].address, &attachment.addresses[0]),
			                 0);
			attachment.address_count = 1;
		}
		setting_put(setting, "a.yaml", cases[i].document);
		setting_attach(setting, &attachment);
		resolution_free(setting->resolution);
		setting->resolution = NULL;
		bool found = strcmp(resolved(setting)->interface, "veth7") == 0;
		if (found != cases[i].found)
			fail_msg("case %zu: %s", i, found ? "found" : "not found");
	}
}

static void pods_of_other_nodes_have_no_attachment_here(void **state)
{
	struct setting *setting = *state;
	setting_put(setting, "a.yaml", KUBERNETES(POD("web", "u1", ON("n2", "10.0.0.5")) SG_1));
	put_new(setting, "s1", "veth7", 1);
	assert_null(resolved(setting));
}

static void the_newest_sandbox_that_is_not_gone_counts(void **state)
{
	struct setting *setting = *state;
	struct attachment gone = attachment_of("s3", "veth3", 30);
	setting_links(setting, "eth0 veth1 veth2 veth3");
	setting_put(setting, "a.yaml", WEB);
	put_new(setting, "s1", "veth1", 10);
	put_new(setting, "s2", "veth2", 20);
	gone.state = ATTACHMENT_GONE;
	setting_attach(setting, &gone);
	assert_string_equal(resolved(setting)->sandbox.sandbox, "s2");
	put_new(setting, "s0", "veth0", 40);
	assert_string_equal(resolved(setting)->sandbox.sandbox, "s0");
}

/* Multus and the like: net1 comes behind eth0. */
static void of_one_sandbox_the_first_interface_is_the_pods(void **state)
{
	struct setting *setting = *state;
	struct attachment second = attachment_of("s1", "veth2", 11);
	memcpy(second.ifname, "net1", sizeof("net1"));
	setting_links(setting, "eth0 veth1 veth2");
	setting_put(setting, "a.yaml", WEB);
	setting_attach(setting, &second);
	put_new(setting, "s1", "veth1", 10);
	assert_string_equal(resolved(setting)->interface, "veth1");
	assert_string_equal(resolved(setting)->sandbox.ifname, "eth0");
}

static void while_the_veth_of_a_sandbox_that_is_gone_lives_it_keeps_the_rules(void **state)
{
	struct setting *setting = *state;
	struct attachment gone = attachment_of("s1", "veth7", 1);
	gone.state = ATTACHMENT_GONE;
	setting_links(setting, "eth0 veth7");
	setting_put(setting, "a.yaml", WEB);
	setting_attach(setting, &gone);
	assert_string_equal(resolved(setting)->interface, "veth7");
	assert_string_equal(resolved(setting)->sandbox.sandbox, "");
	setting_links(setting, "eth0");
	assert_false(resolved(setting)->present);
	assert_string_not_equal(resolved(setting)->interface, "veth7");
}

static void the_veth_of_an_older_sandbox_keeps_its_rules(void **state)
{
	struct setting *setting = *state;
	setting_links(setting, "eth0 veth1 veth2");
	setting_put(setting, "a.yaml", WEB);
	put_new(setting, "s1", "veth1", 10);
	setting_resolve(setting);
	put_new(setting, "s2", "veth2", 20);
	for (unsigned round = 0; round < 3; round++) {
		setting_resolve(setting);
		assert_false(branch_on(setting, "veth2")->orphan);
		assert_non_null(branch_on(setting, "veth1"));
		assert_true(branch_on(setting, "veth1")->orphan);
		assert_string_equal(branch_on(setting, "veth1")->sandbox.sandbox, "s1");
	}
	assert_int_equal(branch_on(setting, "veth1")->state, BRANCH_CLAIMED);
	assert_true(setting_says(setting, "10.0.0.5 is held by its newer sandbox"));
	setting_links(setting, "eth0 veth2");
	setting_resolve(setting);
	assert_null(branch_on(setting, "veth1"));
}

/* What the documents say of a pod holds, even of a lingering sandbox. */
static void a_pod_that_is_none_of_ours_any_more_has_no_orphans(void **state)
{
	struct setting *setting = *state;
	setting_links(setting, "eth0 veth1 veth2");
	setting_put(setting, "a.yaml", WEB);
	put_new(setting, "s1", "veth1", 10);
	setting_resolve(setting);
	put_new(setting, "s2", "veth2", 20);
	setting_resolve(setting);
	setting_put(setting, "a.yaml", KUBERNETES(POD("web", "u1", ON("n1", "10.0.0.5"))));
	setting_resolve(setting);
	assert_int_equal(setting->resolution->branch_count, 0);
}

static void a_lost_journal_takes_no_rules_away(void **state)
{
	struct setting *setting = *state;
	struct attachment attachment = attachment_of("s1", "veth7", 10);
	attachment.mode = MODE_STRICT;
	setting_links(setting, "eth0 veth7");
	setting_put(setting, "a.yaml", WEB);
	setting_attach(setting, &attachment);
	setting_resolve(setting);
	setting_remove(setting, "s1:eth0");
	for (unsigned round = 0; round < 3; round++) {
		const struct branch *branch = resolved(setting);
		assert_string_equal(branch->interface, "veth7");
		assert_int_equal(branch->mode, MODE_STRICT);
		assert_string_equal(branch->sandbox.sandbox, "");
		assert_int_equal(setting->resolution->branch_count, 1);
	}
}

static void an_orphan_is_of_its_sandbox_until_that_is_gone(void **state)
{
	struct setting *setting = *state;
	struct attachment attachment = attachment_of("s1", "veth7", 10);
	setting_links(setting, "eth0 veth7");
	setting_put(setting, "a.yaml", WEB);
	setting_attach(setting, &attachment);
	setting_resolve(setting);
	setting_remove(setting, "a.yaml");
	assert_true(resolved(setting)->orphan);
	assert_string_equal(resolved(setting)->sandbox.sandbox, "s1");
	attachment.state = ATTACHMENT_GONE;
	setting_attach(setting, &attachment);
	assert_true(resolved(setting)->orphan);
	assert_string_equal(resolved(setting)->sandbox.sandbox, "");
}

static void an_orphan_is_not_of_the_sandbox_that_has_its_name_now(void **state)
{
	struct setting *setting = *state;
	struct attachment newer = attachment_of("s2", "veth7", 20);
	setting_links(setting, "eth0 veth7");
	setting_put(setting, "a.yaml", WEB);
	put_new(setting, "s1", "veth7", 10);
	setting_resolve(setting);
	setting_remove(setting, "a.yaml");
	memcpy(newer.uid, "u2", sizeof("u2"));
	setting_attach(setting, &newer);
	assert_true(resolved(setting)->orphan);
	assert_string_equal(resolved(setting)->sandbox.sandbox, "s1");
	setting_remove(setting, "s1:eth0");
	assert_true(resolved(setting)->orphan);
	assert_string_equal(resolved(setting)->sandbox.sandbox, "");
}

/* The pod is the older, its sandbox the newer. */
static void the_newer_sandbox_wins_whatever_the_ages_of_the_pods(void **state)
{
	struct setting *setting = *state;
	struct attachment older = attachment_of("s1", "veth1", 1800000000000);
	struct attachment newer = attachment_of("s2", "veth2", 1800000000001);
	memcpy(older.pod, "new", sizeof("new"));
	memcpy(newer.pod, "old", sizeof("old"));
	setting_put(
		setting, "a.yaml",
		KUBERNETES(POD("new", "u1", CREATED("2026-01-02T00:00:00Z") ON("n1", "10.0.0.5"))
	                           POD("old", "u1",
	                               CREATED("2026-01-01T00:00:00Z") ON("n1", "10.0.0.5")) SG_1));
	setting_attach(setting, &older);
	setting_resolve(setting);
	assert_int_equal(setting_branch(setting, "ns/old")->state, BRANCH_CLAIMED);
	setting_attach(setting, &newer);
	setting_resolve(setting);
	assert_int_equal(setting_branch(setting, "ns/old")->state, BRANCH_OPEN);
	assert_int_equal(setting_branch(setting, "ns/new")->state, BRANCH_CLAIMED);
}

static void addresses_are_the_annotations_then_the_journals(void **state)
{
	struct setting *setting = *state;
	struct attachment attachment = attachment_of("s1", "veth7", 10);
	for (size_t i = 0; i < ATTACHMENT_ADDRESSES_MAX; i++) {
		char text[16];
		(void)snprintf(text, sizeof(text), "10.0.0.%zu", 60 + i);
		assert_int_equal(address_parse(text, &attachment.addresses[i]), 0);
	}
	attachment.address_count = ATTACHMENT_ADDRESSES_MAX;
	setting_put(setting, "a.yaml", WEB);
	setting_attach(setting, &attachment);
	assert_int_equal(resolved(setting)->address_count, POD_ADDRESSES_MAX);
	assert_string_equal(setting_members(setting, "sg-1"),
	                    "10.0.0.60 10.0.0.61 10.0.0.62 10.0.0.63");
	setting_put(setting, "a.yaml",
	            KUBERNETES(POD("web", "u1", ENI("eni-1", "10.0.0.9", "9") ON("n1", "10.0.0.5"))
	                               SG_1));
	setting_resolve(setting);
	assert_string_equal(setting_members(setting, "sg-1"), "10.0.0.9");
}

static void who_was_let_pass_is_a_problem_until_the_pod_is_known(void **state)
{
	struct setting *setting = *state;
	struct attachment attachment = attachment_of("s1", "veth7", 10);
	attachment.state = ATTACHMENT_UNFILTERED;
	setting_links(setting, "eth0 veth7");
	setting_attach(setting, &attachment);
	setting_resolve(setting);
	assert_true(setting_says(setting, "pod ns/web runs unfiltered on veth7"));
	assert_int_equal(setting->resolution->unfiltered_count, 1);
	assert_string_equal(setting->resolution->unfiltered[0].uid, "u1");
	setting_links(setting, "eth0");
	setting_resolve(setting);
	assert_int_equal(setting->resolution->unfiltered_count, 0);
	setting_links(setting, "eth0 veth7");
	setting_put(setting, "a.yaml", WEB);
	setting_resolve(setting);
	assert_int_equal(setting->resolution->unfiltered_count, 0);
	assert_false(setting_says(setting, "unfiltered"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_setting, close_setting)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(interface_and_mode_are_those_of_the_journal),
		TEST(an_interface_that_the_journal_does_not_know_is_looked_for),
		TEST(a_later_interface_of_the_same_name_is_not_the_sandboxs),
		TEST(a_renamed_interface_is_the_sandboxs_by_its_number),
		TEST(an_orphan_keeps_its_rules_whatever_its_interface_is_called),
		TEST(a_renamed_interface_keeps_its_rules_beside_its_successor),
		TEST(whose_attachment_it_is),
		TEST(pods_of_other_nodes_have_no_attachment_here),
		TEST(the_newest_sandbox_that_is_not_gone_counts),
		TEST(of_one_sandbox_the_first_interface_is_the_pods),
		TEST(while_the_veth_of_a_sandbox_that_is_gone_lives_it_keeps_the_rules),
		TEST(the_veth_of_an_older_sandbox_keeps_its_rules),
		TEST(a_pod_that_is_none_of_ours_any_more_has_no_orphans),
		TEST(a_lost_journal_takes_no_rules_away),
		TEST(an_orphan_is_of_its_sandbox_until_that_is_gone),
		TEST(an_orphan_is_not_of_the_sandbox_that_has_its_name_now),
		TEST(the_newer_sandbox_wins_whatever_the_ages_of_the_pods),
		TEST(addresses_are_the_annotations_then_the_journals),
		TEST(who_was_let_pass_is_a_problem_until_the_pod_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
