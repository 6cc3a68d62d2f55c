/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hooks/eni-gc/gc_blocking.h"
#include "hooks/eni-gc/gc_eni_judge.h"

#define TAGS_MAX 6
#define CONTROLLER "eks-vpc-resource-controller"

/* A leaked branch interface of the cluster prod; cases say what is different. */
struct sample {
	struct label tags[TAGS_MAX];
	struct gc_eni eni;
};

static struct gc_eni *make(struct sample *sample)
{
	static const struct label tags[] = {{"eks:eni:owner", CONTROLLER},
	                                    {"kubernetes.io/cluster/prod", "owned"},
	                                    {"node.k8s.amazonaws.com/instance_id", "i-1"},
	                                    {"vpcresources.k8s.aws/vlan-id", "3"}};
	memcpy(sample->tags, tags, sizeof(tags));
	sample->eni = (struct gc_eni){.id = "eni-1",
	                              .status = "available",
	                              .description = "aws-k8s-branch-eni",
	                              .type = "interface",
	                              .requester = "",
	                              .instance = "",
	                              .tags = {sample->tags, 4}};
	return &sample->eni;
}

static void set_tag(struct sample *sample, const char *key, const char *value)
{
	for (size_t i = 0; i < sample->eni.tags.count; i++)
		if (strcmp(sample->tags[i].key, key) == 0)
			sample->tags[i].value = value;
}

static void one_tag_decides_who_made_it(void **state)
{
	static const struct {
		const char *description;
		const char *owner;
		enum gc_eni_kind kind;
		bool branch;   /* a leaked one, by its marks */
		bool leftover; /* of the CNI or the controller */
	} cases[] = {
		{"aws-k8s-branch-eni", CONTROLLER, GC_ENI_BRANCH, true, true},
		{"aws-k8s-branch-eni", "amazon-vpc-cni", GC_ENI_BRANCH, false, false},
		{"aws-k8s-trunk-eni", CONTROLLER, GC_ENI_TRUNK, false, true},
		{"aws-k8s-trunk-eni", "", GC_ENI_TRUNK, false, false},
		{"aws-K8S-i-1", "amazon-vpc-cni", GC_ENI_CNI, false, true},
		{"aws-K8S-i-1", CONTROLLER, GC_ENI_CNI, false, false},
		{"aws-k8s-i-1", "amazon-vpc-cni", GC_ENI_OTHER, false, false},
		{"AWS-k8s-branch-eni", CONTROLLER, GC_ENI_OTHER, false, false},
		{"aws-k8s-branch-eni ", CONTROLLER, GC_ENI_OTHER, false, false},
		{"", CONTROLLER, GC_ENI_OTHER, false, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample sample;
		struct gc_eni *eni = make(&sample);
		eni->description = cases[i].description;
		set_tag(&sample, "eks:eni:owner", cases[i].owner);
		if (gc_eni_kind(eni) != cases[i].kind)
			fail_msg("case %zu: kind %s", i, gc_eni_kind_name(gc_eni_kind(eni)));
		if (!gc_branch_doubt(eni)[0] != cases[i].branch)
			fail_msg("case %zu: branch: %s", i, gc_branch_doubt(eni));
		if (!gc_leftover_doubt(eni)[0] != cases[i].leftover)
			fail_msg("case %zu: leftover: %s", i, gc_leftover_doubt(eni));
	}
}

static void a_vlan_is_a_number_that_a_vlan_can_have(void **state)
{
	static const struct {
		const char *text;
		unsigned vlan;
	} cases[] = {{"1", 1},   {"120", 120}, {"4094", 4094},   {"4095", 0}, {"0", 0},
	             {"", 0},    {"-1", 0},    {"3x", 0},        {" 3", 0},   {"00003", 0},
	             {"0x3", 0}, {"99999", 0}, {"4294967297", 0}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample sample;
		make(&sample);
		set_tag(&sample, "vpcresources.k8s.aws/vlan-id", cases[i].text);
		if (gc_eni_vlan(&sample.eni) != cases[i].vlan)
			fail_msg("\"%s\": %u", cases[i].text, gc_eni_vlan(&sample.eni));
	}
}

static void the_cluster_is_the_one_whose_name_is_whole(void **state)
{
	static const struct {
		const char *key;
		const char *value;
		bool of_it;
	} cases[] = {
		{"kubernetes.io/cluster/prod", "owned", true},
		{"kubernetes.io/cluster/prod", "shared", false},
		{"kubernetes.io/cluster/prod", "", false},
		{"kubernetes.io/cluster/prod2", "owned", false},
		{"kubernetes.io/cluster/pro", "owned", false},
		{"kubernetes.io/cluster/PROD", "owned", false},
		{"cluster.k8s.amazonaws.com/name", "prod", true},
		{"cluster.k8s.amazonaws.com/name", "prod2", false},
		{"Name", "prod", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct label tag = {cases[i].key, cases[i].value};
		const struct labels tags = {&tag, 1};
		if (gc_is_of_cluster(&tags, "prod") != cases[i].of_it)
			fail_msg("case %zu", i);
	}
	assert_false(gc_is_of_cluster(&(struct labels){0}, "prod"));
}

static void any_sign_of_use_is_one(void **state)
{
	struct sample sample;
	struct gc_eni *eni = make(&sample);
	(void)state;
	assert_string_equal(gc_eni_use(eni), "");
	eni->attached = true;
	assert_string_not_equal(gc_eni_use(eni), "");
	eni = make(&sample);
	eni->requester_managed = true;
	assert_string_not_equal(gc_eni_use(eni), "");
	static const char *const states[] = {"in-use",    "associated", "attaching",  "pending",
	                                     "detaching", "Available",  "available ", ""};
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		eni = make(&sample);
		eni->status = states[i];
		if (!gc_eni_use(eni)[0])
			fail_msg("\"%s\"", states[i]);
	}
}

static void a_name_that_a_filter_would_take_for_others_is_none(void **state)
{
	static const char *const bad[] = {"", "*", "pro?", "-a", "_a", "a b", "a/b", "a:b", "ä"};
	static const char *const good[] = {"a", "0", "prod", "Prod_1-x"};
	char name[GC_CLUSTER_MAX + 2];
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (gc_cluster_name_is_valid(bad[i]))
			fail_msg("\"%s\"", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!gc_cluster_name_is_valid(good[i]))
			fail_msg("\"%s\"", good[i]);
	memset(name, 'a', sizeof(name));
	name[GC_CLUSTER_MAX + 1] = '\0';
	assert_false(gc_cluster_name_is_valid(name));
	name[GC_CLUSTER_MAX] = '\0';
	assert_true(gc_cluster_name_is_valid(name));
}

static void advice_fits_who_uses_it(void **state)
{
	static const struct {
		const char *status;
		const char *description;
		const char *type;
		const char *requester;
		bool managed;
		const char *says;
	} cases[] = {
		{"available", "aws-k8s-branch-eni", "interface", "", false, "--cluster prod"},
		{"in-use", "aws-k8s-branch-eni", "branch", "", false, "SecurityGroupPolicy"},
		{"in-use", "aws-k8s-trunk-eni", "trunk", "", false, "trunk"},
		{"in-use", "aws-K8S-i-1", "interface", "", false, "VPC CNI"},
		{"in-use", "ELB app/web/1", "interface", "amazon-elb", true, "load balancer"},
		{"in-use", "", "network_load_balancer", "", true, "load balancer"},
		{"in-use", "AWS Lambda VPC ENI-f-1", "interface", "", true, "Lambda"},
		{"in-use", "RDSNetworkInterface", "interface", "amazon-rds", true, "RDS"},
		{"in-use", "EFS mount target for fs-1", "interface", "", true, "EFS"},
		{"in-use", "Amazon EKS prod", "interface", "", true, "control plane"},
		{"in-use", "?", "vpc_endpoint", "", true, "VPC endpoint"},
		{"in-use", "?", "interface", "amazon-new", true, "amazon-new"},
		{"in-use", "?", "interface", "", true, "an AWS service"},
		{"in-use", "?", "interface", "", false, "modify-network-interface-attribute"},
		{"available", "?", "interface", "", false, "delete-network-interface"},
	};
	char advice[GC_ADVICE_SIZE];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample sample;
		struct gc_eni *eni = make(&sample);
		eni->status = cases[i].status;
		eni->description = cases[i].description;
		eni->type = cases[i].type;
		eni->requester = cases[i].requester;
		eni->requester_managed = cases[i].managed;
		if (!strstr(gc_blocking_advice(eni, advice), cases[i].says))
			fail_msg("case %zu: %s", i, advice);
		assert_true(strlen(advice) < GC_ADVICE_SIZE - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_tag_decides_who_made_it),
		cmocka_unit_test(a_vlan_is_a_number_that_a_vlan_can_have),
		cmocka_unit_test(the_cluster_is_the_one_whose_name_is_whole),
		cmocka_unit_test(any_sign_of_use_is_one),
		cmocka_unit_test(a_name_that_a_filter_would_take_for_others_is_none),
		cmocka_unit_test(advice_fits_who_uses_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
