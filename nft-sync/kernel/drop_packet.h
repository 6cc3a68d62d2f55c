/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DROP_PACKET_H
#define PODSG_DROP_PACKET_H

/* The head of a dropped packet, as the kernel copied it: addresses, protocol, ports. */

#include "nft-sync/judge/judge.h"

/* What the rule copies and we ask for: an IPv6 header, some extensions, and ports behind them. */
#define DROP_PACKET_BYTES 128
#define DROP_EXTENSIONS_MAX 8

/*
 * data begins at the IP header and may end anywhere. Fills addresses, protocol, hop limit and, with
 * *ports true, ports or ICMP type and code; ports are missing behind a cut, in all fragments but
 * the first, and behind too many IPv6 extension headers. *fragment: it is part of a larger one.
 * The rest of ret is zero. -EBADMSG: not even the addresses are there, or it is not IP.
 */
int drop_packet_parse(const uint8_t *data, size_t length, struct packet *ret, bool *ports,
                      bool *fragment);

#endif
