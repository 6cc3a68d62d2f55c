/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "nft-sync/answer/attach_state.h"
#include "tests/unit/setting.h"

#define POLICIES POLICY("p", "podSelector: {}", "sg-1")
#define WEB POD("web", "u1", ON("n1", "10.0.0.5"))

/* A live source of one thing. */
static struct source_status live_status;

static size_t show_status(const void *source, struct source_status *ret, size_t max)
{
	(void)source;
	(void)max;
	ret[0] = live_status;
	return 1;
}

static const struct live_kind live_kind = {.name = "kubernetes", .status = show_status};

struct place {
	struct setting setting;
	struct sync sync;
	struct live_sources live;
};

/* ns/web, its sandbox s1 on veth7, all of it in force. */
static int open_place(void **state)
{
	static struct place place;
	live_status = (struct source_status){
		.source = "kubernetes", .what = "pods", .synced = true, .current = true};
	place = (struct place){.live = {
				       .sources = {{.kind = &live_kind, .source = &live_status}},
				       .count = 1,
			       }};
	setting_open(&place.setting, "version: 1\nnode: {name: n1}\n");
	setting_links(&place.setting, "eth0 veth7");
	setting_put(&place.setting, "g.yaml", GROUPS(GROUP("sg-1", FROM_GROUP("sg-1"))));
	setting_put(&place.setting, "a.yaml", KUBERNETES(WEB POLICIES));
	place.sync = (struct sync){.in_force = true, .live = &place.live};
	place.sync.history.started = time(NULL) - 7;
	*state = &place;
	return 0;
}

static int close_place(void **state)
{
	struct place *place = *state;
	setting_close(&place->setting);
	return 0;
}

static struct attachment attachment_of(const char *sandbox, const char *interface)
{
	struct attachment attachment = {.ifname = "eth0",
	                                .namespace = "ns",
	                                .pod = "web",
	                                .uid = "u1",
	                                .mode = MODE_STANDARD,
	                                .created = 10};
	(void)snprintf(attachment.sandbox, sizeof(attachment.sandbox), "%s", sandbox);
	(void)snprintf(attachment.interface, sizeof(attachment.interface), "%s", interface);
	return attachment;
}

static void put_usual(struct place *place)
{
	const struct attachment attachment = attachment_of("s1", "veth7");
	setting_attach(&place->setting, &attachment);
}

static void resolve_all(struct place *place)
{
	setting_resolve(&place->setting);
	place->sync.config = place->setting.config;
	place->sync.model = place->setting.model;
	place->sync.host = place->setting.host;
	place->sync.resolution = place->setting.resolution;
}

/* What is expected of s1, and a part of the reason. */
static void assert_verdict(const struct place *place, enum attach_state state, const char *reason)
{
	struct attach_verdict verdict;
	attach_judge(&place->sync, "s1", "eth0", &verdict);
	if (verdict.state != state || !strstr(verdict.reason, reason))
		fail_msg("%s: %s", attach_state_name(verdict.state), verdict.reason);
	assert_int_equal(verdict.branch != NULL, state == ATTACH_ENFORCED);
}

static void what_is_in_force_is_enforced(void **state)
{
	struct place *place = *state;
	put_usual(place);
	resolve_all(place);
	assert_verdict(place, ATTACH_ENFORCED, "");
}

/* Its groups are not known: only exempt traffic passes, which is what EC2 would do. */
static void a_closed_interface_is_enforced(void **state)
{
	struct place *place = *state;
	put_usual(place);
	setting_remove(&place->setting, "g.yaml");
	resolve_all(place);
	assert_int_equal(place->sync.resolution->branches[0].state, BRANCH_CLOSED);
	assert_verdict(place, ATTACH_ENFORCED, "");
}

static void other_changes_and_other_failures_do_not_count(void **state)
{
	struct place *place = *state;
	put_usual(place);
	resolve_all(place);
	setting_put(&place->setting, "b.yaml", GROUPS(GROUP("sg-2", FROM_GROUP("sg-1"))));
	live_status.synced = false;
	assert_verdict(place, ATTACH_ENFORCED, "");
}

static void a_kernel_that_refused_is_the_reason(void **state)
{
	struct place *place = *state;
	put_usual(place);
	resolve_all(place);
	place->sync.in_force = false;
	assert_verdict(place, ATTACH_WAITING, "the rules are not in force yet");
	error_set(&place->sync.history.error, -ENOMEM, "nf_tables: no memory");
	assert_verdict(place, ATTACH_WAITING, "nf_tables: no memory");
}

static void what_is_not_read_is_the_reason(void **state)
{
	struct place *place = *state;
	const struct attachment attachment = attachment_of("s1", "veth7");
	setting_put(&place->setting, "a.yaml", KUBERNETES(POLICIES));
	setting_attach(&place->setting, &attachment);
	resolve_all(place);
	assert_verdict(place, ATTACH_WAITING, "pod ns/web is not known from any source yet");
	live_status.synced = false;
	assert_verdict(place, ATTACH_WAITING, "kubernetes: pods not read in the");
	(void)snprintf(live_status.error, sizeof(live_status.error), "connection refused");
	assert_verdict(place, ATTACH_WAITING, "connection refused");
	live_status.absent = true;
	assert_verdict(place, ATTACH_WAITING, "pod ns/web is not known from any source yet");
}

static void a_source_that_is_no_longer_followed_is_the_reason(void **state)
{
	struct place *place = *state;
	setting_put(&place->setting, "a.yaml", KUBERNETES(POLICIES));
	put_usual(place);
	resolve_all(place);
	live_status.current = false;
	live_status.fresh = time(NULL) - 100;
	(void)snprintf(live_status.error, sizeof(live_status.error), "timed out");
	assert_verdict(place, ATTACH_WAITING, "s ago: timed out");
}

static void who_is_unmanaged(void **state)
{
	static const struct {
		const char *document, *config, *reason;
	} cases[] = {
		{KUBERNETES(WEB), "", "no policy selects it"},
		{KUBERNETES(POD("web", "u1", "}, spec: {nodeName: n1, hostNetwork: true") POLICIES),
	         "", "it is on the node's own network"},
		{KUBERNETES(POD("web", "u1", "}, spec: {nodeName: n1}, status: {phase: Failed")
	                            POLICIES),
	         "", "it has ended"},
		{KUBERNETES(WEB POLICIES), "withoutEni: ignore\n", "withoutEni"},
	};
	struct place *place = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char config[128];
		(void)snprintf(config, sizeof(config), "version: 1\nnode: {name: n1}\n%s",
		               cases[i].config);
		setting_configure(&place->setting, config);
		setting_put(&place->setting, "a.yaml", cases[i].document);
		put_usual(place);
		resolve_all(place);
		assert_verdict(place, ATTACH_UNMANAGED, cases[i].reason);
	}
}

/* It may be that a policy which selects it is on its way. */
static void nobody_is_unmanaged_before_everything_is_read(void **state)
{
	struct place *place = *state;
	setting_put(&place->setting, "a.yaml", KUBERNETES(WEB));
	put_usual(place);
	resolve_all(place);
	live_status.synced = false;
	assert_verdict(place, ATTACH_WAITING, "not read");
	live_status.synced = true;
	assert_verdict(place, ATTACH_UNMANAGED, "");
	setting_put(&place->setting, "b.yaml", KUBERNETES(POLICIES));
	assert_verdict(place, ATTACH_WAITING, "what changed is not in force yet");
}

static void a_container_without_a_pod_is_unmanaged(void **state)
{
	struct place *place = *state;
	struct attachment attachment = attachment_of("s1", "veth7");
	attachment.namespace[0] = attachment.pod[0] = attachment.uid[0] = '\0';
	assert_int_equal(address_parse("10.0.0.6", &attachment.addresses[0]), 0);
	attachment.address_count = 1;
	setting_attach(&place->setting, &attachment);
	resolve_all(place);
	assert_verdict(place, ATTACH_UNMANAGED, "no pod has its address");
	assert_int_equal(address_parse("10.0.0.5", &attachment.addresses[0]), 0);
	setting_attach(&place->setting, &attachment);
	resolve_all(place);
	assert_verdict(place, ATTACH_ENFORCED, "");
}

static void who_came_later_is_the_reason(void **state)
{
	struct place *place = *state;
	struct attachment newer = attachment_of("s2", "veth8");
	setting_links(&place->setting, "eth0 veth8");
	put_usual(place);
	newer.created = 20;
	setting_attach(&place->setting, &newer);
	resolve_all(place);
	assert_verdict(place, ATTACH_WAITING, "pod ns/web has the newer sandbox s2");
	(void)snprintf(newer.uid, sizeof(newer.uid), "u2");
	setting_attach(&place->setting, &newer);
	setting_put(&place->setting, "a.yaml",
	            KUBERNETES(POD("web", "u2", ON("n1", "10.0.0.5")) POLICIES));
	resolve_all(place);
	assert_verdict(place, ATTACH_WAITING, "is known with the uid u2 only");
}

static void a_newer_pod_on_the_interface_is_the_reason(void **state)
{
	struct place *place = *state;
	struct attachment newer = attachment_of("s2", "veth7");
	(void)snprintf(newer.pod, sizeof(newer.pod), "new");
	(void)snprintf(newer.uid, sizeof(newer.uid), "u2");
	newer.created = 20;
	put_usual(place);
	setting_attach(&place->setting, &newer);
	setting_put(&place->setting, "a.yaml",
	            KUBERNETES(WEB POD("new", "u2", ON("n1", "10.0.0.6")) POLICIES));
	resolve_all(place);
	assert_verdict(place, ATTACH_WAITING, "claimed by the newer pod ns/new");
}

static void another_interface_of_an_enforced_sandbox_is_unmanaged(void **state)
{
	struct place *place = *state;
	struct attachment first = attachment_of("s1", "veth8");
	memcpy(first.ifname, "net0", sizeof("net0"));
	first.created = 5;
	setting_links(&place->setting, "eth0 veth7 veth8");
	put_usual(place);
	setting_attach(&place->setting, &first);
	resolve_all(place);
	assert_verdict(place, ATTACH_UNMANAGED, "are enforced on its interface net0");
}

static void the_interface_or_the_node_is_the_reason(void **state)
{
	struct place *place = *state;
	put_usual(place);
	setting_links(&place->setting, "eth0");
	resolve_all(place);
	assert_verdict(place, ATTACH_WAITING, "interface veth7 of pod ns/web is not there");
	setting_put(&place->setting, "a.yaml",
	            KUBERNETES(POD("web", "u1", ON("n2", "10.0.0.5")) POLICIES));
	resolve_all(place);
	assert_verdict(place, ATTACH_WAITING, "is of node \"n2\", this node is \"n1\"");
}

static void without_a_journal_entry_nobody_is_known(void **state)
{
	struct place *place = *state;
	struct attachment gone = attachment_of("s1", "veth7");
	resolve_all(place);
	assert_verdict(place, ATTACH_WAITING, "the journal has no good entry s1:eth0");
	gone.state = ATTACHMENT_GONE;
	setting_attach(&place->setting, &gone);
	resolve_all(place);
	assert_verdict(place, ATTACH_WAITING, "is gone");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_in_force_is_enforced),
		TEST(a_closed_interface_is_enforced),
		TEST(other_changes_and_other_failures_do_not_count),
		TEST(a_kernel_that_refused_is_the_reason),
		TEST(what_is_not_read_is_the_reason),
		TEST(a_source_that_is_no_longer_followed_is_the_reason),
		TEST(who_is_unmanaged),
		TEST(nobody_is_unmanaged_before_everything_is_read),
		TEST(a_container_without_a_pod_is_unmanaged),
		TEST(who_came_later_is_the_reason),
		TEST(a_newer_pod_on_the_interface_is_the_reason),
		TEST(another_interface_of_an_enforced_sandbox_is_unmanaged),
		TEST(the_interface_or_the_node_is_the_reason),
		TEST(without_a_journal_entry_nobody_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
