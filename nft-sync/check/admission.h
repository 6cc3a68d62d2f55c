/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_ADMISSION_H
#define PODSG_ADMISSION_H

/* Whether security groups let a service pass, as far as the documents go. */

#include "nft-sync/check/facts.h"

struct admission_question {
	const struct facts *facts;
	enum direction direction;
	const char *const *groups; /* whose rules are asked */
	size_t group_count;
	uint8_t protocol; /* tcp or udp */
	uint16_t port;
	const char *const *peer_groups;
	size_t peer_group_count;
	bool peer_groups_known;
	const struct prefix *peer_address; /* NULL: not known */
	uint8_t peer_family;               /* without an address; AF_UNSPEC: not known either */
};

enum admission_answer { ADMITTED, REFUSED, ADMISSION_UNKNOWN };

struct admission {
	enum admission_answer answer;
	const char *needs; /* ADMISSION_UNKNOWN: what would say; NULL: nothing that is read here */
};

/* Unknown where no rule is known to let it pass, and one that is not known may. */
struct admission admission_of(const struct admission_question *question);

/* "UDP", "TCP" */
const char *admission_protocol(uint8_t protocol);

#endif
