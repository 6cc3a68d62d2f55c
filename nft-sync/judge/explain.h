/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_EXPLAIN_H
#define PODSG_EXPLAIN_H

/* Why a packet from here to there is permitted or dropped: the passes that it makes through this
 * node, what each end says, and the rule or exemption behind it. */

#include "common/error.h"
#include "nft-sync/judge/passage.h"

#include <cjson/cJSON.h>

struct explain_request {
	const char *source;      /* an address or namespace/pod */
	const char *destination; /* likewise */
	const char *what;        /* "tcp/5432", "udp/53", "icmp/8/0", "47"; "" = a ping */
	const char *in;          /* the interface it comes in by, "" = found out */
	uint16_t original_port;  /* before DNAT, 0 = none was done */
};

/*
 * The answer of the control socket: {"permitted":…, "source":…, "destination":…, "what":…,
 * "passes":[{"in":…, "out":…, "ends":[{"interface", "pod", "direction", "permitted", "reason",
 * "text", "group", "rule", "nearest", …}]}], "text":…}. -EINVAL: the request is not understood.
 */
int explain(const struct explain_request *request, const struct passage_facts *facts, cJSON **ret,
            struct error *err);

#endif
