/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_PASSAGE_H
#define PODSG_PASSAGE_H

/* The ways of a packet through this node, from one address to another, and what each end on them
 * says. Which ways these are does not hang on protocol and port: they are found once, and any
 * number of packets is judged on them. */

#include "common/error.h"
#include "nft-sync/host/host.h"
#include "nft-sync/judge/judge.h"
#include "nft-sync/model/model.h"
#include "nft-sync/resolve/resolution.h"

#define PASSES_MAX 2

struct passage_facts {
	const struct resolution *resolution;
	struct model *model;
	const struct host *host;
};

/* One way through the node. */
struct pass {
	char in[INTERFACE_NAME_MAX];  /* "" = from the node itself */
	char out[INTERFACE_NAME_MAX]; /* "" = to the node itself */
};

struct passage {
	const struct branch *source;      /* NULL: not of this node */
	const struct branch *destination; /* likewise */
	struct pass passes[PASSES_MAX];
	unsigned count;
	struct error problem; /* why the way can't be told; code 0: it can */
};

/* in: the interface that the packet comes in by, "" = found out. */
void passage_find(const struct passage_facts *facts, const struct packet *packet, const char *in,
                  struct passage *ret);

/* Pass after pass, until an end drops the packet. Returns how many passes were judged; none where
 * there is a problem. The packet's in and out are those of the last one then. */
unsigned passage_judge(const struct passage_facts *facts, const struct passage *passage,
                       struct packet *packet, struct verdict ret[static PASSES_MAX]);

/* What an end said as a sentence: "allowed by sg-a (web): tcp/443 from 0.0.0.0/0". Returns text. */
const char *judgement_text(const struct judgement *judgement, char *text, size_t size);

/* What near_rule_find() and judge() look rules up with. */
struct judge_rules passage_rules(const struct passage_facts *facts);

#endif
