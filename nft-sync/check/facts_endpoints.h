/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_ENDPOINTS_H
#define PODSG_FACTS_ENDPOINTS_H

/* The Endpoints kube-system/kube-dns; the model has the EndpointSlices. */

#include "nft-sync/check/facts.h"

struct dns_endpoints_facts {
	struct fact fact;
	struct prefix *addresses; /* of the ready ones */
	size_t address_count;
	uint16_t udp_port, tcp_port; /* 0: it does not say */
};

/* NULL: no document has them. */
const struct dns_endpoints_facts *facts_dns_endpoints(const struct facts *facts);

void load_endpoints_facts(struct loader *loader, const struct field *object);

#endif
