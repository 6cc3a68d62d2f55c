/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_PACKET_H
#define PODSG_DNS_PACKET_H

/* What nft-sync knows of podsg-dnscache, besides branches.json. */

/*
 * How nft-sync's rules know a query that podsg-dnscache takes, whatever its own verdict: the packet
 * has this priority (nft: meta priority). No pod can set it, for a veth clears it; routing does not
 * look at it, as it looks at marks; and another cache that takes packets off connection tracking
 * does not set it.
 */
#define DNS_PACKET_PRIORITY 0x70640035

#define DNS_TABLES "podsg-dns" /* so the names of podsg-dnscache's nftables tables begin */

#endif
