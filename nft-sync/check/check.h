/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CHECK_H
#define PODSG_CHECK_H

/*
 * One thing that `podsgctl check` looks for, and what came of it. A check says of each object that
 * it looked at that it did, of each that is wrong what and how to mend it, and where it knows too
 * little what it needs: silence is not "ok".
 */

#include "common/arena.h"
#include "common/vector.h"
#include "nft-sync/check/facts.h"

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

struct check {
	const char *id; /* "grace-period-zero" */
	enum severity severity;
	const char *title;  /* what is looked for: "a grace period of 0" */
	const char *why;    /* why it matters; whole sentences */
	const char *source; /* the document, RFC or issue that says so */
};

struct check_run;

/* Checks that look at the same facts. */
struct check_group {
	const char *name;                  /* "Teardown" */
	const struct check *const *checks; /* NULL behind the last */
	void (*run)(struct check_run *run);
	bool of_the_node; /* they ask this machine: out of place where only documents are given */
};

/* In the order of the README: NULL behind the last. */
extern const struct check_group *const check_groups[];

struct finding {
	const struct check *check;
	const char *kind; /* "Pod", "SecurityGroup", … */
	struct fact object;
	const char *what; /* one sentence, without its object */
	const char *fix;  /* a command or YAML, whole lines; may have several */
};

#define FINDINGS_MAX 20000 /* those beyond are counted */
#define NEEDS_MAX 16

struct outcome {
	size_t judged; /* objects */
	size_t found;
	const char *needs[NEEDS_MAX]; /* what it would need to judge, or judge more */
	size_t need_count;
	bool skipped; /* nobody asked for it */
};

struct check_run {
	const struct facts *facts;
	struct arena *arena;      /* texts */
	struct vector findings;   /* struct finding */
	const struct check **all; /* of all groups, in order */
	struct outcome *outcomes; /* of each */
	size_t check_count;
	bool failed; /* no memory: what there is is not all */
};

int check_run_open(struct check_run *run, const struct facts *facts);
void check_run_close(struct check_run *run);

/* Nobody asks for this check. */
void check_skip(struct check_run *run, const struct check *check);

/* An object was looked at. */
void check_judged(struct check_run *run, const struct check *check);

/*
 * Something is wrong with the object. Returns the finding for its fix; the last one's stays valid
 * only until the next; NULL: nobody asked for this check, or there are too many.
 */
struct finding *check_found(struct check_run *run, const struct check *check, const char *kind,
                            const struct fact *object, const char *what, ...)
	__attribute__((format(printf, 5, 6)));
/* finding may be NULL. */
void finding_fix(struct check_run *run, struct finding *finding, const char *fix, ...)
	__attribute__((format(printf, 3, 4)));

/* Facts are missing: "kubectl get services -A -o json". Said once. */
void check_needs(struct check_run *run, const struct check *check, const char *what);
/* Likewise of all the group's checks. */
void group_needs(struct check_run *run, const struct check_group *group, const char *what);

const char *severity_name(enum severity severity); /* "error", "warning", "info" */

/* Where kinds of facts come from: what a person types to have them. */
#define NEEDS_PODS "kubectl get pods -A -o json"
#define NEEDS_POLICIES "kubectl get securitygrouppolicies -A -o json"
#define NEEDS_TEMPLATES "kubectl get deployments,statefulsets,daemonsets,jobs,cronjobs -A -o json"

extern const struct check_group check_load_balancers;
extern const struct check_group check_mode;
extern const struct check_group check_pod_groups;
extern const struct check_group check_pods;
extern const struct check_group check_policies;
extern const struct check_group check_rule_quotas;
extern const struct check_group check_references;
extern const struct check_group check_rule_meanings;
extern const struct check_group check_probes;
extern const struct check_group check_dns;
extern const struct check_group check_dns_node;
extern const struct check_group check_capacity;
extern const struct check_group check_max_pods;
extern const struct check_group check_snat;
extern const struct check_group check_network;
extern const struct check_group check_control_plane;
extern const struct check_group check_endpoint;
extern const struct check_group check_teardown;
extern const struct check_group check_node;

#endif
