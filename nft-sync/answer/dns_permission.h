/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_PERMISSION_H
#define PODSG_DNS_PERMISSION_H

/* Whether a pod's groups let it ask the cluster's DNS servers. */

#include "nft-sync/model/model.h"
#include "nft-sync/resolve/resolution.h"

#define DNS_REASON_MAX 192

struct dns_permission {
	bool udp;
	bool tcp;
	char reason[DNS_REASON_MAX]; /* why not; "" = both are permitted */
};

/*
 * Every server of the resolution must be permitted, for a resolver may ask any. Where none is
 * known, a rule that permits port 53 to anybody at all will do, and the reason says so. The mode
 * makes no difference.
 */
void dns_permission(const struct resolution *resolution, const struct branch *branch,
                    const struct model *model, struct dns_permission *ret);

#endif
