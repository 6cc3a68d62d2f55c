/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "nft-sync/check/facts_withheld.h"

static void test_a_command_that_would_be_refused_is_known(void **state)
{
	static const struct {
		const char *what;
		const char *command;
		bool refused;
	} cases[] = {
		{"pods", "kubectl get pods -A -o json", true},
		{"pods", "kubectl get nodes -o json", false},
		{"cronjobs", "kubectl get deployments,jobs,cronjobs -A -o json", true},
		{"jobs", "kubectl get deployments,cronjobs -A -o json", false},
		{"jobs", "kubectl get jobsets -A -o json", false},
		{"daemonsets", "kubectl get daemonset aws-node -n kube-system -o json", true},
		{"services", "kubectl get serviceaccounts -A -o json", false},
		{"daemonsets", "kubectl get d -A -o json", false},
		{"describe-vpcs", "aws ec2 describe-vpcs", true},
		{"describe-vpcs", "aws ec2 describe-vpc-attribute --vpc-id VPC", false},
		{"describe-vpc-attribute", "aws ec2 describe-vpc-attribute --vpc-id VPC", true},
		{"get-managed-prefix-list-entries",
	         "aws ec2 get-managed-prefix-list-entries, of each list", true},
		{"describe-cluster", "", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct withheld withheld = {cases[i].what, "permission"};
		if (is_withheld_by(&withheld, cases[i].command) != cases[i].refused)
			fail_msg("%s: \"%s\"", cases[i].what, cases[i].command);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_command_that_would_be_refused_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
