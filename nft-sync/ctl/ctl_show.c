/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/ctl/ctl.h"

#define AGE_SIZE 32

static void show_source(const cJSON *source)
{
	char age[AGE_SIZE];
	bool good = strcmp(text_of(source, "state"), "good") == 0;
	printf("  %-32s %s%-8s%s age %-6s objects %.0f\n", text_of(source, "name"),
	       colour(good ? COLOUR_GOOD : COLOUR_BAD), text_of(source, "state"),
	       colour(COLOUR_OFF), age_text(part(source, "age"), age, sizeof(age)),
	       number_of(source, "objects"));
	if (text_of(source, "error")[0])
		printf("    %s\n", text_of(source, "error"));
	if (text_of(source, "copyError")[0])
		printf("    no copy kept: %s\n", text_of(source, "copyError"));
}

static void show_kernel(const cJSON *kernel)
{
	char age[AGE_SIZE];
	const cJSON *commit = part(kernel, "lastCommit");
	const cJSON *repairs = part(kernel, "repairs");
	bool good = is_true(kernel, "inForce");
	printf("Kernel: %s%s%s, %.0f rule sets, %.0f elements\n",
	       colour(good ? COLOUR_GOOD : COLOUR_BAD), good ? "in force" : "NOT as it should be",
	       colour(COLOUR_OFF), number_of(kernel, "ruleSets"), number_of(kernel, "elements"));
	if (text_of(kernel, "error")[0])
		printf("  %s\n", text_of(kernel, "error"));
	if (number_of(commit, "commits") > 0)
		printf("  last commit %s ago: %.1f ms, %.0f messages, %.0f bytes, +%.0f -%.0f "
		       "elements\n",
		       age_text(part(commit, "age"), age, sizeof(age)),
		       number_of(commit, "milliseconds"), number_of(commit, "messages"),
		       number_of(commit, "bytes"), number_of(commit, "elementsAdded"),
		       number_of(commit, "elementsDeleted"));
	printf("  commits %.0f, errors %.0f, repairs %.0f", number_of(commit, "commits"),
	       number_of(kernel, "errors"), number_of(repairs, "count"));
	if (number_of(repairs, "count") > 0)
		printf(", the last %s ago: %s by %s (pid %.0f)",
		       age_text(part(repairs, "age"), age, sizeof(age)), text_of(repairs, "what"),
		       text_of(repairs, "process"), number_of(repairs, "pid"));
	putchar('\n');
}

static void show_clean_ups(const cJSON *clean_ups)
{
	if (number_of(clean_ups, "open") == 0)
		return;
	printf("Clean-ups of pods that are gone: %s%.0f open%s\n", colour(COLOUR_BAD),
	       number_of(clean_ups, "open"), colour(COLOUR_OFF));
	if (text_of(clean_ups, "error")[0])
		printf("  %s\n", text_of(clean_ups, "error"));
}

void show_status(const cJSON *answer)
{
	char age[AGE_SIZE];
	const cJSON *item;
	const cJSON *interfaces = part(answer, "interfaces");
	printf("Node %s, table inet %s, running %s\n", text_of(answer, "node"),
	       text_of(answer, "table"), age_text(part(answer, "uptime"), age, sizeof(age)));
	puts("Sources:");
	cJSON_ArrayForEach (item, part(answer, "sources"))
		show_source(item);
	printf("Interfaces: %.0f open, %.0f closed, %.0f claimed, %.0f orphaned, %.0f absent\n",
	       number_of(interfaces, "open"), number_of(interfaces, "closed"),
	       number_of(interfaces, "claimed"), number_of(interfaces, "orphans"),
	       number_of(interfaces, "absent"));
	show_kernel(part(answer, "kernel"));
	show_clean_ups(part(answer, "cleanUps"));
	printf("Problems: %d\n", cJSON_GetArraySize(part(answer, "problems")));
	cJSON_ArrayForEach (item, part(answer, "problems"))
		printf("  %s%s%s\n", colour(COLOUR_BAD), cJSON_GetStringValue(item),
		       colour(COLOUR_OFF));
}

static void show_list(const char *title, const cJSON *list)
{
	const cJSON *item;
	if (cJSON_GetArraySize(list) == 0)
		return;
	printf("    %-10s", title);
	cJSON_ArrayForEach (item, list)
		printf(" %s", cJSON_GetStringValue(item));
	putchar('\n');
}

static void show_drops(const cJSON *drops)
{
	const cJSON *item;
	if (cJSON_GetArraySize(drops) == 0)
		return;
	printf("    dropped   ");
	cJSON_ArrayForEach (item, drops)
		printf(" %s %.0f", item->string, item->valuedouble);
	putchar('\n');
}

static void show_pod(const cJSON *pod, const char *node_mode)
{
	bool open = strcmp(text_of(pod, "state"), "open") == 0;
	bool differs = strcmp(text_of(pod, "mode"), node_mode) != 0;
	printf("%s/%s  %s%s%s%s%s\n", text_of(pod, "namespace"), text_of(pod, "name"),
	       colour(open ? COLOUR_GOOD : COLOUR_BAD), text_of(pod, "state"), colour(COLOUR_OFF),
	       is_true(pod, "orphan") ? ", orphaned" : "",
	       is_true(pod, "present") ? "" : ", interface absent");
	printf("    interface  %s%s%s, mode %s%s%s%s\n", text_of(pod, "interface"),
	       text_of(pod, "device")[0] ? ", device " : "", text_of(pod, "device"),
	       text_of(pod, "mode"), differs ? " (the node's is " : "", differs ? node_mode : "",
	       differs ? ")" : "");
	if (text_of(pod, "sandbox")[0])
		printf("    sandbox    %s, %s\n", text_of(pod, "sandbox"),
		       text_of(pod, "attachment"));
	show_list("addresses", part(pod, "addresses"));
	show_list("groups", part(pod, "groups"));
	show_list("missing", part(pod, "missing"));
	show_drops(part(pod, "drops"));
}

void show_pods(const cJSON *answer)
{
	const cJSON *pod;
	cJSON_ArrayForEach (pod, part(answer, "pods"))
		show_pod(pod, text_of(answer, "nodeMode"));
}

static void show_rules(const char *title, const cJSON *rules)
{
	const cJSON *rule;
	cJSON_ArrayForEach (rule, rules)
		printf("    %-8s %s\n", title, cJSON_GetStringValue(rule));
}

void show_groups(const cJSON *answer)
{
	const cJSON *group;
	cJSON_ArrayForEach (group, part(answer, "groups")) {
		printf("%s %s%s%s%s", text_of(group, "id"), text_of(group, "name"),
		       is_true(group, "known") ? "" : colour(COLOUR_BAD),
		       is_true(group, "known") ? "" : " NOT KNOWN: permits nothing",
		       is_true(group, "known") ? "" : colour(COLOUR_OFF));
		if (part(group, "members"))
			printf(", %.0f members", number_of(group, "members"));
		putchar('\n');
		show_list("used by", part(group, "usedBy"));
		show_rules("ingress", part(group, "ingress"));
		show_rules("egress", part(group, "egress"));
	}
}

static void show_end(const cJSON *end)
{
	bool permitted = is_true(end, "permitted");
	printf("  %s of %s (%s): %s%s%s\n", text_of(end, "direction"), text_of(end, "pod"),
	       text_of(end, "interface"), colour(permitted ? COLOUR_GOOD : COLOUR_BAD),
	       text_of(end, "text"), colour(COLOUR_OFF));
	if (text_of(end, "nodeRule")[0])
		printf("    and by the node's %s: %s\n", text_of(end, "nodeGroup"),
		       text_of(end, "nodeRule"));
	if (!permitted)
		show_list("its groups", part(end, "groups"));
	if (text_of(end, "nearest")[0])
		printf("    nearest    %s\n", text_of(end, "nearest"));
	show_list("missing", part(end, "missing"));
}

void show_explain(const cJSON *answer)
{
	const cJSON *pass;
	const cJSON *end;
	bool permitted = is_true(answer, "permitted");
	printf("%s → %s %s: %s%s%s\n", text_of(answer, "source"), text_of(answer, "destination"),
	       text_of(answer, "what"), colour(permitted ? COLOUR_GOOD : COLOUR_BAD),
	       permitted ? "allowed" : "dropped", colour(COLOUR_OFF));
	if (text_of(answer, "text")[0])
		printf("  %s\n", text_of(answer, "text"));
	if (text_of(answer, "problem")[0])
		printf("  %s\n", text_of(answer, "problem"));
	cJSON_ArrayForEach (pass, part(answer, "passes")) {
		const char *in = text_of(pass, "in");
		const char *out = text_of(pass, "out");
		printf("%s%s → %s%s\n", colour(COLOUR_DIM), in[0] ? in : "the node",
		       out[0] ? out : "the node", colour(COLOUR_OFF));
		cJSON_ArrayForEach (end, part(pass, "ends"))
			show_end(end);
	}
}
