/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SERVICES_H
#define PODSG_SERVICES_H

/*
 * Which services one address may reach at another, through this node: for the report's matrix.
 * Nothing is computed from rules here. Rules only say where the answer may change, from one port
 * to the next; the judge is asked about each stretch between two such ports.
 */

#include "common/buffer.h"
#include "nft-sync/judge/passage.h"

#define SERVICES_RUNS_MAX 1024
#define SERVICES_OUTCOMES_MAX 64
/* An ICMP type and a protocol for experiments (RFC 4727, RFC 3692): all of which no rule has the
 * number are judged like it. */
#define SERVICES_UNUSED 253

/* What the judge says of every packet of some runs; false and no ends: it was not asked. */
struct services_outcome {
	bool permitted;
	bool asked;
	size_t end_count;
	struct judgement ends[PASSES_MAX * JUDGEMENTS_MAX];
};

enum services_kind {
	SERVICES_TCP,
	SERVICES_UDP,
	SERVICES_ICMP,  /* first and last: type in the high byte, code in the low one */
	SERVICES_OTHER, /* first and last: the protocol's number */
};

/* Neighbouring services of one outcome. */
struct services_run {
	enum services_kind kind;
	uint16_t first, last;
	size_t outcome;
};

enum services_verdict { SERVICES_NONE, SERVICES_SOME, SERVICES_ALL };

/* Of the size of some pages: it is not for the stack of a thread. */
struct services {
	struct passage passage; /* with a problem: nothing else is known */
	bool v6;
	bool partial; /* there were too many rules to ask for every port */
	enum services_verdict verdict;
	struct services_run runs[SERVICES_RUNS_MAX];
	size_t run_count;
	struct services_outcome outcomes[SERVICES_OUTCOMES_MAX];
	size_t outcome_count;
	size_t rest; /* the outcome of the most services: it is told last, as "everything else" */
};

/* source and destination are addresses of one family. Bounded in time: a few milliseconds at most,
 * whatever the rules are. -ENOMEM. */
int services_find(const struct passage_facts *facts, const struct prefix *source,
                  const struct prefix *destination, struct services *ret);

/* The services of an outcome: "tcp/443, tcp/8000-8080, udp", "everything", "everything else". */
void services_text(const struct services *services, size_t outcome, struct buffer *text);

/* Why: "egress: allowed by …; ingress: dropped: …". Names of pods are left out: the whole matrix of
 * a node has few different texts then. */
void services_reason(const struct services_outcome *outcome, struct buffer *text);

#endif
