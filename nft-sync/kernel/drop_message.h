/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DROP_MESSAGE_H
#define PODSG_DROP_MESSAGE_H

/* One message of nfnetlink_log about a packet that our table dropped. */

#include "nft-sync/draw/render_chains.h"
#include "nft-sync/judge/judge.h"

#include <libmnl/libmnl.h>
#include <time.h>

struct drop_record {
	struct timespec time;             /* of the packet; zero: the kernel does not say */
	const struct drop_reason *reason; /* one of drop_reasons */
	unsigned in, out;                 /* indexes of interfaces, 0 = none */
	struct packet packet;             /* without its interfaces */
	struct prefix original;           /* the destination before DNAT; family 0: the same */
	bool ports;                       /* they, or ICMP type and code, are known */
	bool fragment;
};

/* *sequence is set (and *has_sequence) also where the message is refused. -ENOENT: another rule's;
 * -EBADMSG: not as the kernel makes them. */
int drop_message_parse(const struct nlmsghdr *message, struct drop_record *ret, uint32_t *sequence,
                       bool *has_sequence);

#endif
