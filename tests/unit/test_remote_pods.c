/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/random_world.h"
#include "tests/unit/setting.h"

#define APP(value) "podSelector: {matchLabels: {app: " value "}}"

/* What a live source puts: pods of node n2 in namespace ns. */
struct remote {
	const char *name;
	const char *app;
	const char *address;
	const char *eni;
};

/* sg-1 lets in sg-2; ns/local, on this node, has sg-1; pods of the app web have sg-2. */
static int open_setting(void **state)
{
	static struct setting setting;

	setting_open(&setting, "version: 1\nnode: {name: n1}\n");
	setting_put(&setting, "g.yaml", GROUPS(GROUP("sg-1", FROM_GROUP("sg-2"))));
	setting_put(&setting, "l.yaml", KUBERNETES(POD("local", "u1", ON("n1", "10.0.0.1"))));
	setting_put(&setting, "p.yaml",
	            KUBERNETES(POLICY("local", APP("local"), "sg-1")
	                               POLICY("web", APP("web"), "sg-2")));
	setting_resolve(&setting);
	*state = &setting;
	return 0;
}

static int close_setting(void **state)
{
	setting_close(*state);
	return 0;
}

static void put_remote(struct setting *setting, struct remote remote)
{
	struct label label = {"app", remote.app};
	struct branch_eni eni = {.id = remote.eni, .vlan_id = 1};
	struct pod pod = {.namespace = "ns",
	                  .name = remote.name,
	                  .uid = "",
	                  .node = "n2",
	                  .service_account = "default",
	                  .labels = {&label, 1},
	                  .addresses = {prefix_of(remote.address)},
	                  .address_count = 1};
	struct error err = {0};

	if (remote.eni != NULL) {
		eni.addresses[0] = pod.addresses[0];
		eni.address_count = 1;
		pod.eni = &eni;
	}
	if (model_put_remote_pod(setting->model, &pod, 0, &err) < 0)
		fail_msg("%s", err.text);
}

static void put(struct setting *setting, const char *name, const char *app, const char *address)
{
	put_remote(setting, (struct remote){name, app, address, NULL});
}

/* As of the last resolution, once it is brought up to date if that is needed. */
static const char *members(struct setting *setting)
{
	if (!resolution_is_current(setting->resolution, setting->model))
		setting_resolve(setting);
	return setting_members(setting, "sg-2");
}

static bool is_current(const struct setting *setting)
{
	return resolution_is_current(setting->resolution, setting->model);
}

static void pods_that_a_policy_matches_are_members(void **state)
{
	struct setting *setting = *state;

	put(setting, "a", "web", "10.0.1.1");
	put(setting, "b", "db", "10.0.1.2");
	assert_string_equal(members(setting), "10.0.1.1");
	assert_int_equal(model_remote_count(setting->model), 2);
}

static void a_pod_that_is_put_again_is_what_it_is_then(void **state)
{
	struct setting *setting = *state;

	put(setting, "a", "web", "10.0.1.1");
	assert_string_equal(members(setting), "10.0.1.1");
	put(setting, "a", "web", "10.0.1.9");
	assert_string_equal(members(setting), "10.0.1.9");
	put(setting, "a", "db", "10.0.1.9");
	assert_string_equal(members(setting), "");
	put(setting, "a", "web", "10.0.1.7");
	put(setting, "a", "web", "10.0.1.8");
	assert_string_equal(members(setting), "10.0.1.8");
	assert_int_equal(model_remote_count(setting->model), 1);
}

static void a_removed_pod_is_no_member(void **state)
{
	struct setting *setting = *state;

	put(setting, "a", "web", "10.0.1.1");
	put(setting, "b", "web", "10.0.1.2");
	assert_string_equal(members(setting), "10.0.1.1 10.0.1.2");
	model_remove_remote_pod(setting->model, "ns", "a");
	model_remove_remote_pod(setting->model, "ns", "unknown");
	assert_string_equal(members(setting), "10.0.1.2");
	model_remove_remote_pod(setting->model, "ns", "b");
	put(setting, "b", "web", "10.0.1.2");
	assert_true(is_current(setting));
}

static void two_pods_with_one_address_are_a_member_until_both_are_gone(void **state)
{
	struct setting *setting = *state;

	put(setting, "a", "web", "10.0.1.1");
	put(setting, "b", "web", "10.0.1.1");
	assert_string_equal(members(setting), "10.0.1.1");
	model_remove_remote_pod(setting->model, "ns", "a");
	assert_true(is_current(setting));
	model_remove_remote_pod(setting->model, "ns", "b");
	assert_string_equal(members(setting), "");
}

static void pods_that_hold_nothing_are_not_kept(void **state)
{
	struct setting *setting = *state;
	struct pod pod = {.namespace = "ns",
	                  .name = "a",
	                  .service_account = "default",
	                  .addresses = {prefix_of("10.0.1.1")},
	                  .address_count = 1};

	pod.host_network = true;
	assert_int_equal(model_put_remote_pod(setting->model, &pod, 0, NULL), 0);
	pod.host_network = false;
	pod.finished = true;
	assert_int_equal(model_put_remote_pod(setting->model, &pod, 0, NULL), 0);
	pod.finished = false;
	pod.address_count = 0;
	assert_int_equal(model_put_remote_pod(setting->model, &pod, 0, NULL), 0);
	assert_int_equal(model_remote_count(setting->model), 0);
}

static void a_pod_that_finishes_is_no_member_any_more(void **state)
{
	struct setting *setting = *state;
	const struct pod pod = {
		.namespace = "ns", .name = "a", .service_account = "default", .finished = true};

	put(setting, "a", "web", "10.0.1.1");
	assert_string_equal(members(setting), "10.0.1.1");
	assert_int_equal(model_put_remote_pod(setting->model, &pod, 0, NULL), 0);
	assert_string_equal(members(setting), "");
}

static void a_complete_list_removes_what_is_not_in_it(void **state)
{
	struct setting *setting = *state;

	put(setting, "a", "web", "10.0.1.1");
	put(setting, "b", "web", "10.0.1.2");
	model_remote_begin(setting->model);
	put(setting, "b", "web", "10.0.1.2");
	put(setting, "c", "web", "10.0.1.3");
	assert_string_equal(members(setting), "10.0.1.1 10.0.1.2 10.0.1.3");
	model_remote_sweep(setting->model);
	assert_string_equal(members(setting), "10.0.1.2 10.0.1.3");
	assert_int_equal(model_remote_count(setting->model), 2);
}

static struct pod pod_with_digest(const char *address)
{
	return (struct pod){.namespace = "ns",
	                    .name = "a",
	                    .service_account = "default",
	                    .addresses = {prefix_of(address)},
	                    .address_count = 1};
}

static void a_digest_says_whether_a_pod_has_changed(void **state)
{
	struct setting *setting = *state;
	struct model *model = setting->model;
	struct pod pod = pod_with_digest("10.0.1.1");

	assert_false(model_same_remote_pod(model, "ns", "a", 5));
	assert_int_equal(model_put_remote_pod(model, &pod, 5, NULL), 0);
	assert_true(model_same_remote_pod(model, "ns", "a", 5));
	assert_false(model_same_remote_pod(model, "ns", "a", 6));
	assert_false(model_same_remote_pod(model, "ns", "b", 5));
	/* Of another text, but the same where it counts. */
	assert_int_equal(model_put_remote_pod(model, &pod, 6, NULL), 0);
	assert_true(model_same_remote_pod(model, "ns", "a", 6));
	pod = pod_with_digest("10.0.1.2");
	assert_int_equal(model_put_remote_pod(model, &pod, 7, NULL), 0);
	assert_true(model_same_remote_pod(model, "ns", "a", 7));
	model_remove_remote_pod(model, "ns", "a");
	assert_false(model_same_remote_pod(model, "ns", "a", 7));
}

static void a_pod_without_a_digest_may_always_have_changed(void **state)
{
	struct setting *setting = *state;
	const struct pod pod = pod_with_digest("10.0.1.1");

	assert_int_equal(model_put_remote_pod(setting->model, &pod, 0, NULL), 0);
	assert_false(model_same_remote_pod(setting->model, "ns", "a", 0));
}

static void a_pod_that_has_not_changed_is_in_the_list(void **state)
{
	struct setting *setting = *state;
	const struct pod pod = pod_with_digest("10.0.1.1");

	assert_int_equal(model_put_remote_pod(setting->model, &pod, 5, NULL), 0);
	model_remote_begin(setting->model);
	assert_true(model_same_remote_pod(setting->model, "ns", "a", 5));
	model_remote_sweep(setting->model);
	assert_int_equal(model_remote_count(setting->model), 1);
}

static void a_list_that_breaks_off_removes_nothing(void **state)
{
	struct setting *setting = *state;

	put(setting, "a", "web", "10.0.1.1");
	model_remote_begin(setting->model);
	put(setting, "b", "web", "10.0.1.2");
	model_remote_begin(setting->model);
	put(setting, "a", "web", "10.0.1.1");
	model_remote_sweep(setting->model);
	assert_string_equal(members(setting), "10.0.1.1");
}

static void policies_that_come_and_go_change_the_members(void **state)
{
	struct setting *setting = *state;

	put(setting, "a", "web", "10.0.1.1");
	put(setting, "b", "db", "10.0.1.2");
	setting_put(setting, "q.yaml", KUBERNETES(POLICY("db", APP("db"), "sg-2")));
	assert_string_equal(members(setting), "10.0.1.1 10.0.1.2");
	setting_remove(setting, "q.yaml");
	assert_string_equal(members(setting), "10.0.1.1");
}

static void a_policy_may_ask_later_for_a_label_that_nobody_asked_for(void **state)
{
	struct setting *setting = *state;
	struct label label = {"statefulset.kubernetes.io/pod-name", "db-1"};
	struct pod pod = pod_with_digest("10.0.1.1");

	pod.labels = (struct labels){&label, 1};
	assert_int_equal(model_put_remote_pod(setting->model, &pod, 1, NULL), 0);
	label.value = "db-2";
	pod = pod_with_digest("10.0.1.2");
	pod.name = "b";
	pod.labels = (struct labels){&label, 1};
	assert_int_equal(model_put_remote_pod(setting->model, &pod, 2, NULL), 0);
	assert_string_equal(members(setting), "");
	setting_put(setting, "q.yaml",
	            KUBERNETES(POLICY("one",
	                              "podSelector: {matchLabels: "
	                              "{statefulset.kubernetes.io/pod-name: db-2}}",
	                              "sg-2")));
	assert_string_equal(members(setting), "10.0.1.2");
}

static void policies_may_ask_for_the_labels_of_the_service_account(void **state)
{
	struct setting *setting = *state;

	put(setting, "b", "db", "10.0.1.2");
	setting_put(setting, "q.yaml",
	            KUBERNETES(POLICY("sa", "serviceAccountSelector: {matchLabels: {team: x}}",
	                              "sg-2")));
	assert_string_equal(members(setting), "");
	setting_put(setting, "s.yaml", KUBERNETES(ACCOUNT("default", "team: x")));
	assert_string_equal(members(setting), "10.0.0.1 10.0.1.2");
	setting_put(setting, "s.yaml", KUBERNETES(ACCOUNT("default", "team: y")));
	assert_string_equal(members(setting), "");
}

static void the_groups_of_a_listed_eni_win_over_policies(void **state)
{
	struct setting *setting = *state;

	put_remote(setting, (struct remote){"a", "web", "10.0.1.1", "eni-a"});
	put_remote(setting, (struct remote){"b", "db", "10.0.1.2", "eni-b"});
	assert_string_equal(members(setting), "10.0.1.1");
	setting_put(setting, "e.yaml",
	            INTERFACES(INTERFACE("eni-a", IN("sg-3"), "10.0.1.1")
	                               INTERFACE("eni-b", IN("sg-2"), "10.0.1.2")));
	assert_string_equal(members(setting), "10.0.1.2");
	setting_remove(setting, "e.yaml");
	assert_string_equal(members(setting), "10.0.1.1");
}

static void without_an_eni_it_counts_only_where_that_is_enforced(void **state)
{
	struct setting *setting = *state;

	put(setting, "a", "web", "10.0.1.1");
	put_remote(setting, (struct remote){"b", "web", "10.0.1.2", "eni-b"});
	setting_configure(setting, "version: 1\nnode: {name: n1}\nwithoutEni: ignore\n");
	setting_resolve(setting);
	assert_string_equal(setting_members(setting, "sg-2"), "(not referred to)");
	setting_put(
		setting, "l.yaml",
		KUBERNETES(POD("local", "u1", ENI("eni-1", "10.0.0.1", "3") ON("n1", "10.0.0.1"))));
	assert_string_equal(members(setting), "10.0.1.2");
}

static void what_nobody_refers_to_needs_no_new_resolution(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "q.yaml", KUBERNETES(POLICY("db", APP("db"), "sg-9")));
	setting_resolve(setting);
	assert_true(is_current(setting));
	put(setting, "a", "other", "10.0.1.1");
	assert_true(is_current(setting));
	put(setting, "b", "db", "10.0.1.2");
	assert_true(is_current(setting));
	put(setting, "c", "web", "10.0.1.3");
	assert_false(is_current(setting));
	setting_resolve(setting);
	assert_true(is_current(setting));
	model_remove_remote_pod(setting->model, "ns", "b");
	assert_true(is_current(setting));
	setting_put(setting, "q.yaml", KUBERNETES(POLICY("db", APP("db"), "sg-8")));
	assert_false(is_current(setting));
}

static void the_models_generation_rises_only_with_what_is_new_about_a_pod(void **state)
{
	struct setting *setting = *state;
	uint64_t before = model_generation(setting->model);

	put(setting, "a", "web", "10.0.1.1");
	assert_true(model_generation(setting->model) > before);
	before = model_generation(setting->model);
	put(setting, "a", "web", "10.0.1.1");
	model_remove_remote_pod(setting->model, "ns", "unknown");
	assert_true(model_generation(setting->model) == before);
	model_remove_remote_pod(setting->model, "ns", "a");
	assert_true(model_generation(setting->model) > before);
}

static void the_live_source_wins_over_a_document_and_that_is_said(void **state)
{
	struct setting *setting = *state;

	setting_put(setting, "r.yaml", KUBERNETES(POD("web", "u2", ON("n2", "10.0.1.1"))));
	assert_string_equal(members(setting), "10.0.1.1");
	put(setting, "web", "web", "10.0.1.2");
	assert_string_equal(members(setting), "10.0.1.2");
	assert_true(setting_says(setting, "pod ns/web of another node is in a document, and the "
	                                  "live source has it: the latter is in force"));
	model_remove_remote_pod(setting->model, "ns", "web");
	assert_string_equal(members(setting), "10.0.1.1");
	assert_false(setting_says(setting, "the latter is in force"));
}

static void beyond_the_limit_pods_are_refused_and_known_ones_are_not(void **state)
{
	struct model *model = model_new();
	struct error err = {0};
	char name[32];
	struct pod pod = {.namespace = "ns",
	                  .name = name,
	                  .service_account = "default",
	                  .addresses = {prefix_of("10.0.1.1")},
	                  .address_count = 1};

	(void)state;
	assert_non_null(model);
	for (unsigned i = 0; i < REMOTE_PODS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "pod-%u", i);
		assert_int_equal(model_put_remote_pod(model, &pod, 0, NULL), 0);
	}
	(void)snprintf(name, sizeof(name), "one-more");
	assert_int_equal(model_put_remote_pod(model, &pod, 0, &err), -ENOSPC);
	assert_string_equal(err.text, "more than 500000 pods of other nodes: those beyond are "
	                              "members of no security group");
	(void)snprintf(name, sizeof(name), "pod-7");
	pod.addresses[0] = prefix_of("10.0.1.2");
	assert_int_equal(model_put_remote_pod(model, &pod, 0, NULL), 0);
	assert_int_equal(model_remote_count(model), REMOTE_PODS_MAX);
	model_free(model);
}

/* Bytes that the heap has handed out, as the sanitizer knows: gcc has no header that says so. */
size_t __sanitizer_get_current_allocated_bytes(void); /* NOLINT(*-reserved-identifier,cert-*) */

#define PODS_MANY 20000

struct pod_shape {
	const char *what;
	const char *namespace;
	const char *name;
	struct label labels[8]; /* # is the pod's number; key NULL behind the last */
	unsigned most;          /* bytes that a pod may cost */
};

static const struct pod_shape shapes[] = {
	{"a Deployment's",
         "team-a",
         "storefront-app-7d4b9c6f5d-#",
         {{"app", "storefront-app"},
          {"app.kubernetes.io/part-of", "storefront"},
          {"pod-template-hash", "7d4b9c6f5d"},
          {"team", "a"},
          {"tier", "web"},
          {"version", "2026.03.02"}},
         200},
	{"a StatefulSet's",
         "team-a",
         "storefront-database-#",
         {{"app", "storefront-database"},
          {"app.kubernetes.io/part-of", "storefront"},
          {"apps.kubernetes.io/pod-index", "#"},
          {"controller-revision-hash", "storefront-database-6c8f7d9b5"},
          {"statefulset.kubernetes.io/pod-name", "storefront-database-#"},
          {"team", "a"},
          {"tier", "database"},
          {"version", "2026.03.02"}},
         340},
	{"a Job's",
         "team-a",
         "invoices-#-x7k2p",
         {{"app", "invoices"},
          {"batch.kubernetes.io/controller-uid", "0b1f6a52-93a4-4f0e-9d5c-00000#"},
          {"batch.kubernetes.io/job-name", "invoices-#"},
          {"controller-uid", "0b1f6a52-93a4-4f0e-9d5c-00000#"},
          {"job-name", "invoices-#"},
          {"team", "a"},
          {"version", "2026.03.02"}},
         400},
};

static const char *numbered(const char *text, unsigned number, char room[static 64])
{
	const char *mark = strchr(text, '#');

	if (mark == NULL)
		return text;
	(void)snprintf(room, 64, "%.*s%07u%s", (int)(mark - text), text, number, mark + 1);
	return room;
}

static void put_shaped(struct model *model, const struct pod_shape *shape, unsigned number)
{
	char texts[10][64];
	struct label labels[8];
	struct branch_eni eni = {.id = numbered("eni-0000000000#", number, texts[8]), .vlan_id = 1};
	struct pod pod = {.namespace = shape->namespace,
	                  .name = numbered(shape->name, number, texts[9]),
	                  .service_account = "default",
	                  .labels = {labels, 0},
	                  .eni = &eni};
	char address[32];

	(void)snprintf(address, sizeof(address), "10.%u.%u.%u", number >> 16, number >> 8 & 255,
	               number & 255);
	eni.addresses[0] = prefix_of(address);
	eni.address_count = 1;
	for (size_t i = 0; i < 8 && shape->labels[i].key != NULL; i++)
		labels[pod.labels.count++] = (struct label){
			shape->labels[i].key, numbered(shape->labels[i].value, number, texts[i])};
	assert_int_equal(model_put_remote_pod(model, &pod, number + 1, NULL), 0);
}

static void a_pod_costs_little_even_where_its_labels_are_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct model *model = model_new();
		size_t before = __sanitizer_get_current_allocated_bytes();
		size_t cost;

		assert_non_null(model);
		for (unsigned number = 0; number < PODS_MANY; number++)
			put_shaped(model, &shapes[i], number);
		assert_int_equal(model_remote_count(model), PODS_MANY);
		cost = (__sanitizer_get_current_allocated_bytes() - before) / PODS_MANY;
		print_message("a pod like %s: %zu bytes\n", shapes[i].what, cost);
		assert_in_range(cost, 1, shapes[i].most);
		model_free(model);
	}
}

static void pods_that_go_leave_no_memory_behind(void **state)
{
	struct model *model = model_new();
	size_t before = 0;

	(void)state;
	assert_non_null(model);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned number = 0; number < PODS_MANY; number++)
			put_shaped(model, &shapes[2], round * PODS_MANY + number);
		if (round == 0)
			before = __sanitizer_get_current_allocated_bytes();
		model_remote_begin(model);
		model_remote_sweep(model);
		assert_int_equal(model_remote_count(model), 0);
	}
	assert_true(__sanitizer_get_current_allocated_bytes() <= before);
	model_free(model);
}

static void a_name_that_no_server_would_send_is_refused(void **state)
{
	struct setting *setting = *state;
	char name[2000];
	struct pod pod = pod_with_digest("10.0.1.1");
	struct error err = {0};

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	pod.name = name;
	assert_int_equal(model_put_remote_pod(setting->model, &pod, 1, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.text, "a name or label is longer than 1015 bytes"));
	assert_int_equal(model_remote_count(setting->model), 0);
}

/* A random sequence ends where the same pods, put once into a fresh model, end. */
#define PODS 24
#define STEPS 400

static const char *const apps[] = {"web", "db", "local", "other"};

static void random_step(struct setting *setting, struct remote pods[static PODS])
{
	static char names[PODS][8];
	static char addresses[PODS][16];
	size_t i = (size_t)rand() % PODS;

	(void)snprintf(names[i], sizeof(names[i]), "p%zu", i);
	if (rand() % 4 == 0) {
		pods[i].name = NULL;
		model_remove_remote_pod(setting->model, "ns", names[i]);
	} else {
		(void)snprintf(addresses[i], sizeof(addresses[i]), "10.0.2.%d", rand() % 8);
		pods[i] = (struct remote){names[i], apps[rand() % 4], addresses[i],
		                          rand() % 3 == 0 ? "eni-x" : NULL};
		put_remote(setting, pods[i]);
	}
	if (rand() % 20 == 0)
		setting_put(setting, "q.yaml",
		            KUBERNETES(POLICY("q",
		                              "podSelector: {matchExpressions: [{key: app, "
		                              "operator: NotIn, values: [web]}]}",
		                              "sg-2")));
	if (rand() % 20 == 0)
		setting_put(setting, "q.yaml", KUBERNETES(POLICY("q", APP("db"), "sg-3, sg-2")));
	if (rand() % 30 == 0)
		setting_put(setting, "e.yaml",
		            INTERFACES(INTERFACE("eni-x", IN("sg-2"), "10.0.3.1")));
	if (rand() % 30 == 0)
		setting_put(setting, "e.yaml", "NetworkInterfaces: []\n");
}

static void members_anew(const struct setting *setting, const struct remote pods[static PODS],
                         char *buffer, size_t size)
{
	struct setting fresh = *setting;

	fresh.resolution = NULL;
	model_remote_begin(fresh.model);
	model_remote_sweep(fresh.model);
	setting_resolve(&fresh);
	for (size_t i = 0; i < PODS; i++)
		if (pods[i].name != NULL)
			put_remote(&fresh, pods[i]);
	setting_resolve(&fresh);
	(void)snprintf(buffer, size, "%s", setting_members(&fresh, "sg-2"));
	resolution_free(fresh.resolution);
}

static void any_sequence_leads_to_what_a_fresh_list_leads_to(void **state)
{
	struct setting *setting = *state;
	struct remote pods[PODS] = {0};
	char incremental[1024];
	char anew[1024];
	uint64_t seed = random_begin();

	print_message("PODSG_SEED=%llu\n", (unsigned long long)seed);
	srand((unsigned)seed);
	setting_put(setting, "q.yaml", KUBERNETES(""));
	setting_put(setting, "e.yaml", "NetworkInterfaces: []\n");
	for (unsigned step = 0; step < STEPS; step++) {
		random_step(setting, pods);
		if (rand() % 3 != 0)
			continue;
		(void)snprintf(incremental, sizeof(incremental), "%s", members(setting));
		if (rand() % 4 != 0)
			continue;
		members_anew(setting, pods, anew, sizeof(anew));
		assert_string_equal(incremental, anew);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_setting, close_setting)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pods_that_a_policy_matches_are_members),
		TEST(a_pod_that_is_put_again_is_what_it_is_then),
		TEST(a_removed_pod_is_no_member),
		TEST(two_pods_with_one_address_are_a_member_until_both_are_gone),
		TEST(pods_that_hold_nothing_are_not_kept),
		TEST(a_pod_that_finishes_is_no_member_any_more),
		TEST(a_complete_list_removes_what_is_not_in_it),
		TEST(a_digest_says_whether_a_pod_has_changed),
		TEST(a_pod_without_a_digest_may_always_have_changed),
		TEST(a_pod_that_has_not_changed_is_in_the_list),
		TEST(a_list_that_breaks_off_removes_nothing),
		TEST(policies_that_come_and_go_change_the_members),
		TEST(a_policy_may_ask_later_for_a_label_that_nobody_asked_for),
		TEST(policies_may_ask_for_the_labels_of_the_service_account),
		TEST(the_groups_of_a_listed_eni_win_over_policies),
		TEST(without_an_eni_it_counts_only_where_that_is_enforced),
		TEST(what_nobody_refers_to_needs_no_new_resolution),
		TEST(the_models_generation_rises_only_with_what_is_new_about_a_pod),
		TEST(the_live_source_wins_over_a_document_and_that_is_said),
		TEST(a_name_that_no_server_would_send_is_refused),
		cmocka_unit_test(a_pod_costs_little_even_where_its_labels_are_its_own),
		cmocka_unit_test(pods_that_go_leave_no_memory_behind),
		cmocka_unit_test(beyond_the_limit_pods_are_refused_and_known_ones_are_not),
		TEST(any_sequence_leads_to_what_a_fresh_list_leads_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
