/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DROP_EVENT_H
#define PODSG_DROP_EVENT_H

/* A dropped packet in the terms of pods and groups. */

#include "nft-sync/host/host.h"
#include "nft-sync/kernel/drop_message.h"
#include "nft-sync/model/model.h"

#include <cjson/cJSON.h>

struct drop_facts {
	const struct resolution *resolution;
	const struct model *model;
	const struct host *host;
	const struct judge_rules *rules;
};

/* The end that dropped it. */
struct drop_end {
	char interface[INTERFACE_NAME_MAX]; /* "" = it is gone */
	const struct branch *branch;        /* NULL: no pod has the interface any more */
};

void drop_event_end(const struct drop_record *record, const struct drop_facts *facts,
                    struct drop_end *ret);

/*
 * {"event":"drop", "time", "direction", "reason", "pod", "interface", "in", "out",
 *  "peer":{"address", "pod", "node", "eni", "groups":[…]}, "source", "destination",
 *  "protocol" (a number), "sourcePort", "port" or "icmpType", "icmpCode", "what":"tcp/5432",
 *  "fragment", "answer", "original":{"address", "port"},
 *  "nearest":{"group", "name", "rule", "differs":["peer"]}, "text"}
 * What is not known, not so or does not apply is left out. text says what would have been needed.
 * The caller deletes it.
 */
cJSON *drop_event_object(const struct drop_record *record, const struct drop_end *end,
                         const struct drop_facts *facts);

/* "2026-03-02T09:15:04.123Z". Returns buffer. */
#define DROP_TIME_MAX 32
const char *drop_time_text(const struct timespec *time, char buffer[static DROP_TIME_MAX]);

#endif
