/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/resolve/pod_groups.h"

#define NAMES_MAX 512

/* What was found of the pods of one template. */
struct tally {
	const struct pod_facts *first;
	const char *what;
	size_t count;
};

static void say(struct check_run *run, const struct check *check, const struct pod_facts *pod,
                const char *what, fix_workload *fix)
{
	fix(run, check_found(run, check, pod->kind, &pod->fact, "%s", what), pod);
}

/* A pod may be older than what its template says now. */
static bool is_said_of_template(struct check_run *run, const struct pod_facts *pod,
                                judge_workload *judge)
{
	char ignored[WHAT_MAX];
	const struct pod_facts *template = template_of(run->facts, pod);
	return template && judge(run, template, ignored) == JUDGED_WRONG;
}

bool is_made_by_template(const struct facts *facts, const struct pod_facts *template)
{
	return template->owner_name[0] && template_of(facts, template);
}

/* That it is in scope, and wrong. */
static bool is_wrong(struct check_run *run, const struct check *check, const struct pod_facts *pod,
                     judge_workload *judge, char *what)
{
	enum judgement judgement = NOT_JUDGED;
	if (is_judged(run->facts, pod))
		judgement = judge(run, pod, what);
	if (judgement != NOT_JUDGED)
		check_judged(run, check);
	return judgement == JUDGED_WRONG;
}

static void judge_kind(struct check_run *run, const struct check *check, enum fact_kind kind,
                       judge_workload *judge, fix_workload *fix)
{
	size_t count;
	const struct pod_facts *pods = facts_of(run->facts, kind, &count);
	for (size_t i = 0; i < count; i++) {
		char what[WHAT_MAX];
		if (kind == FACT_TEMPLATE && is_made_by_template(run->facts, &pods[i]))
			continue;
		if (is_wrong(run, check, &pods[i], judge, what) &&
		    !is_said_of_template(run, &pods[i], judge))
			say(run, check, &pods[i], what, fix);
	}
}

void judge_workloads(struct check_run *run, const struct check *check, judge_workload *judge,
                     fix_workload *fix)
{
	judge_kind(run, check, FACT_POD, judge, fix);
	judge_kind(run, check, FACT_TEMPLATE, judge, fix);
}

static void count_pod(struct check_run *run, struct tally *tally, const struct pod_facts *pod,
                      const char *what)
{
	if (tally->count++ > 0)
		return;
	tally->first = pod;
	tally->what = arena_strdup(run->arena, what);
	run->failed |= !tally->what;
}

static void say_of_template(struct check_run *run, const struct check *check,
                            const struct pod_facts *template, const struct tally *tally,
                            fix_workload *fix)
{
	struct finding *finding;
	if (!tally->what)
		return;
	if (tally->count == 1)
		finding = check_found(run, check, template->kind, &template->fact, "%s: pod %s",
		                      tally->what, tally->first->fact.name);
	else
		finding = check_found(run, check, template->kind, &template->fact,
		                      "%s: %zu pods, %s the first", tally->what, tally->count,
		                      tally->first->fact.name);
	fix(run, finding, template);
}

static struct tally *new_tallies(struct check_run *run, size_t count)
{
	struct tally *tallies = arena_array(run->arena, count + 1, sizeof(*tallies));
	run->failed |= !tallies;
	return tallies;
}

void judge_pods(struct check_run *run, const struct check *check, judge_workload *judge,
                fix_workload *fix)
{
	size_t count, template_count;
	const struct pod_facts *pods = facts_of(run->facts, FACT_POD, &count);
	const struct pod_facts *templates = facts_of(run->facts, FACT_TEMPLATE, &template_count);
	struct tally *tallies = new_tallies(run, template_count);
	for (size_t i = 0; tallies && i < count; i++) {
		char what[WHAT_MAX];
		const struct pod_facts *template;
		if (!is_wrong(run, check, &pods[i], judge, what))
			continue;
		template = template_of(run->facts, &pods[i]);
		if (template)
			count_pod(run, &tallies[template - templates], &pods[i], what);
		else
			say(run, check, &pods[i], what, fix);
	}
	for (size_t i = 0; tallies && i < template_count; i++)
		say_of_template(run, check, &templates[i], &tallies[i], fix);
}

void fix_by_restart(struct check_run *run, struct finding *finding, const struct pod_facts *pod)
{
	static const struct {
		const char *kind, *word;
	} restarted[] = {{"Deployment", "deployment"},
	                 {"StatefulSet", "statefulset"},
	                 {"DaemonSet", "daemonset"}};
	for (size_t i = 0; i < sizeof(restarted) / sizeof(restarted[0]); i++) {
		if (strcmp(pod->kind, restarted[i].kind) != 0)
			continue;
		finding_fix(run, finding, "kubectl rollout restart %s/%s -n %s", restarted[i].word,
		            pod->fact.name, pod->fact.namespace);
		return;
	}
	if (strcmp(pod->kind, "Pod") == 0)
		finding_fix(run, finding,
		            "kubectl delete pod %s -n %s    # what made it makes a new one",
		            pod->fact.name, pod->fact.namespace);
	else
		finding_fix(run, finding, "# let the %s %s/%s make new pods", pod->kind,
		            pod->fact.namespace, pod->fact.name);
}

bool is_policy_judged(const struct facts *facts, const struct policy_facts *policy)
{
	return policy->policy &&
	       (!facts->namespace[0] || strcmp(facts->namespace, policy->fact.namespace) == 0);
}

bool policy_selects(const struct facts *facts, const struct policy_facts *policy,
                    const struct pod_facts *pod)
{
	const struct pod asked = {.namespace = pod->fact.namespace,
	                          .service_account = pod->service_account,
	                          .labels = pod->labels};
	bool ignored;
	return policy->policy && strcmp(policy->fact.namespace, pod->fact.namespace) == 0 &&
	       policy_matches(facts->model, policy->policy, &asked, &ignored);
}

void fix_by_selector(struct check_run *run, struct finding *finding, const struct pod_facts *pod)
{
	const void *of_namespace;
	size_t count;
	facts_of_namespace(run->facts, FACT_POLICY, pod->fact.namespace, &of_namespace, &count);
	const struct policy_facts *policies = of_namespace;
	for (size_t i = 0; i < count; i++) {
		if (!policy_selects(run->facts, &policies[i], pod))
			continue;
		finding_fix(run, finding,
		            "kubectl edit securitygrouppolicy %s -n %s    # a selector that "
		            "leaves the %s out",
		            policies[i].fact.name, pod->fact.namespace, pod->kind);
		return;
	}
}

const char *ids_text(const char *const *ids, size_t count, char *buffer, size_t size)
{
	size_t length = 0;
	buffer[0] = '\0';
	for (size_t i = 0; i < count && length < size; i++)
		length += (size_t)snprintf(buffer + length, size - length, "%s%s", i ? ", " : "",
		                           ids[i]);
	return buffer;
}

bool ids_have(const char *const *ids, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(ids[i], id) == 0)
			return true;
	return false;
}
