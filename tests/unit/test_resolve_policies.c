/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/setting.h"

/* The pod is ns/pod with the label app=pod and the service account sa. */
#define THE_POD POD("pod", "u", "}, spec: {nodeName: n1, serviceAccountName: sa")

static void policies_match_as_the_resource_controller_has_it(void **state)
{
	static const struct {
		const char *behaviour;
		const char *items;
		const char *groups; /* "none": no branch interface */
	} rows[] = {
		{"labels match", POLICY("p", "podSelector: {matchLabels: {app: pod}}", "sg-1"),
	         "sg-1"},
		{"labels differ", POLICY("p", "podSelector: {matchLabels: {app: other}}", "sg-1"),
	         "none"},
		{"an empty pod selector matches all", POLICY("p", "podSelector: {}", "sg-1"),
	         "sg-1"},
		{"both selectors nil", POLICY("p", "x: y", "sg-1"), "none"},
		{"no groups", POLICY("p", "podSelector: {}", ""), "none"},
		{"labels of the service account's object",
	         ACCOUNT("sa", "team: a")
	                 POLICY("p", "serviceAccountSelector: {matchLabels: {team: a}}", "sg-1"),
	         "sg-1"},
		{"the service account has other labels",
	         ACCOUNT("sa", "team: b")
	                 POLICY("p", "serviceAccountSelector: {matchLabels: {team: a}}", "sg-1"),
	         "none"},
		{"an empty service account selector matches a known one",
	         ACCOUNT("sa", "") POLICY("p", "serviceAccountSelector: {}", "sg-1"), "sg-1"},
		{"both selectors must match",
	         ACCOUNT("sa", "team: a") POLICY("p",
	                                         "podSelector: {matchLabels: {app: other}}, "
	                                         "serviceAccountSelector: {matchLabels: {team: a}}",
	                                         "sg-1"),
	         "none"},
		{"both selectors match",
	         ACCOUNT("sa", "team: a") POLICY("p",
	                                         "podSelector: {matchLabels: {app: pod}}, "
	                                         "serviceAccountSelector: {matchLabels: {team: a}}",
	                                         "sg-1"),
	         "sg-1"},
		{"the union, in order of first occurrence",
	         POLICY("p2", "podSelector: {}", "sg-3, sg-1")
	                 POLICY("p1", "podSelector: {}", "sg-2, sg-1"),
	         "sg-2 sg-1 sg-3"},
		{"an operator that does not exist matches nothing",
	         POLICY("p",
	                "podSelector: {matchExpressions: [{key: app, operator: Sounds, values: "
	                "[a]}]}",
	                "sg-1"),
	         "none"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct setting setting;
		char text[4096];
		struct document *document = NULL;
		const struct branch *branch;

		setting_open(&setting, "version: 1\nnode: {name: n1}\n");
		(void)snprintf(text, sizeof(text), "%s%s", KUBERNETES(THE_POD), rows[i].items);
		if (document_parse("a.yaml", DOCUMENT_YAML, text, strlen(text), &document, NULL) <
		    0)
			fail_msg("%s: not a document", rows[i].behaviour);
		assert_int_equal(model_put(setting.model, document, NULL), 0);
		setting_resolve(&setting);
		branch = setting_branch(&setting, "ns/pod");
		if (strcmp(branch != NULL ? setting_groups(branch) : "none", rows[i].groups) != 0)
			fail_msg("%s", rows[i].behaviour);
		setting_close(&setting);
	}
}

static void policies_of_another_namespace_do_not_match(void **state)
{
	struct setting setting;

	(void)state;
	setting_open(&setting, "version: 1\nnode: {name: n1}\n");
	setting_put(&setting, "a.yaml", KUBERNETES(THE_POD));
	setting_put(
		&setting, "b.yaml",
		"{kind: SecurityGroupPolicy, apiVersion: vpcresources.k8s.aws/v1beta1, metadata: "
		"{namespace: other, name: p}, spec: {podSelector: {}, securityGroups: {groupIds: "
		"[sg-1]}}}");
	setting_resolve(&setting);
	assert_null(setting_branch(&setting, "ns/pod"));
	setting_close(&setting);
}

static void a_missing_service_account_does_not_match_and_is_reported(void **state)
{
	struct setting setting;

	(void)state;
	setting_open(&setting, "version: 1\nnode: {name: n1}\n");
	setting_put(&setting, "a.yaml",
	            KUBERNETES(THE_POD POLICY("p", "serviceAccountSelector: {}", "sg-1")));
	setting_resolve(&setting);
	assert_null(setting_branch(&setting, "ns/pod"));
	assert_true(setting_says(&setting, "service account ns/sa of pod pod is not known"));
	setting_close(&setting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_match_as_the_resource_controller_has_it),
		cmocka_unit_test(policies_of_another_namespace_do_not_match),
		cmocka_unit_test(a_missing_service_account_does_not_match_and_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
