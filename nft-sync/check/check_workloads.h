/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CHECK_WORKLOADS_H
#define PODSG_CHECK_WORKLOADS_H

/* How checks go through pods and what makes them, and what they say of both. */

#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_pods.h"

enum judgement { NOT_JUDGED, JUDGED_RIGHT, JUDGED_WRONG };

#define WHAT_MAX 1024

/* What is wrong is written to what, WHAT_MAX bytes. */
typedef enum judgement judge_workload(struct check_run *run, const struct pod_facts *pod,
                                      char *what);
typedef void fix_workload(struct check_run *run, struct finding *finding,
                          const struct pod_facts *pod);

/* Pods and templates in scope: of a pod only what is not said of its template. */
void judge_workloads(struct check_run *run, const struct check *check, judge_workload *judge,
                     fix_workload *fix);
/* What only pods can have, but all pods of one template alike: it is spoken of once. */
void judge_pods(struct check_run *run, const struct check *check, judge_workload *judge,
                fix_workload *fix);

/* Of a Deployment's ReplicaSets all but one are its past, and so are most of a CronJob's Jobs. */
bool is_made_by_template(const struct facts *facts, const struct pod_facts *template);

/* What makes new pods of it: "kubectl rollout restart …". */
void fix_by_restart(struct check_run *run, struct finding *finding, const struct pod_facts *pod);
/* The policies that match it leave it out. */
void fix_by_selector(struct check_run *run, struct finding *finding, const struct pod_facts *pod);

bool is_policy_judged(const struct facts *facts, const struct policy_facts *policy);
bool policy_selects(const struct facts *facts, const struct policy_facts *policy,
                    const struct pod_facts *pod);

/* "sg-1, sg-2". Cut to size; returns buffer. */
const char *ids_text(const char *const *ids, size_t count, char *buffer, size_t size);
bool ids_have(const char *const *ids, size_t count, const char *id);

#endif
