/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CLEAN_UP_EVIDENCE_H
#define PODSG_CLEAN_UP_EVIDENCE_H

/*
 * Inside of clean_up(): what kernel and journal say at one moment, and who, by that, holds a thing
 * that the gone sandbox may have left. Judges, and changes nothing.
 */

#include "common/journal.h"
#include "common/network_state.h"

#define HOLDER_MAX 512 /* bytes of "pod a/b, sandbox c" */

struct evidence {
	const struct attachment *gone;
	struct network_state network;
	struct vector others; /* struct attachment: of this boot, and not gone */
	bool is_narrow;       /* both hold only what concerns it, or may be newer */
	bool tracks;          /* there were conntrack entries, whosesoever */
	unsigned own;         /* index of the sandbox's own veth, where that lives; or 0 */
	bool is_ours[BRANCH_VLAN_MAX + 1]; /* VLANs that the sandbox had */
	struct error journal;              /* why others may be incomplete */
};

/*
 * The kernel is read first: what makes an attachment makes links, routes and rules before. What
 * gone does not say of its veth and its addresses is filled in, where the veth still lives; gone
 * has to outlive the evidence.
 */
int evidence_read(struct netlink *netlink, const char *journal, const char *boot,
                  struct attachment *gone, struct evidence *ret, struct error *err);
void evidence_done(struct evidence *evidence); /* accepts a zeroed one */

bool evidence_has_address(const struct attachment *attachment, const struct prefix *address);
/* An interface that is moved here may have an index that another one had before. */
bool evidence_is_interface_of(const struct attachment *attachment, const struct network_link *link);
bool evidence_is_device(const char *name, unsigned vlan);

/* Whether the thing is of a kind that the gone sandbox had, whoever holds it now. */
bool evidence_concerns_rule(const struct evidence *evidence, const struct network_rule *rule);
bool evidence_concerns_route(const struct evidence *evidence, const struct network_route *route);
const struct network_link *evidence_device(const struct evidence *evidence, unsigned vlan);

/* clean_up_holders.c: whether somebody else holds it; then holder says who. */
bool evidence_device_held(const struct evidence *evidence, const struct network_link *device,
                          unsigned vlan, char holder[static HOLDER_MAX]);
bool evidence_rule_held(const struct evidence *evidence, const struct network_rule *rule,
                        char holder[static HOLDER_MAX]);
bool evidence_route_held(const struct evidence *evidence, const struct network_route *route,
                         char holder[static HOLDER_MAX]);
bool evidence_address_held(const struct evidence *evidence, const struct prefix *address,
                           char holder[static HOLDER_MAX]);

/* Only its name speaks for the device: its index was never written down. */
bool evidence_doubts_device(const struct evidence *evidence, unsigned vlan);

#endif
