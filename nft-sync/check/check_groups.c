/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft-sync/check/check.h"

const struct check_group *const check_groups[] = {
	&check_capacity,      &check_max_pods,      &check_pods,           &check_policies,
	&check_pod_groups,    &check_mode,          &check_load_balancers, &check_rule_quotas,
	&check_references,    &check_rule_meanings, &check_probes,         &check_dns,
	&check_dns_node,      &check_snat,          &check_teardown,       &check_network,
	&check_control_plane, &check_endpoint,      &check_node,           NULL,
};
