/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NFT_WATCH_H
#define PODSG_NFT_WATCH_H

/* Notifications of nf_tables: who else touched our table. */

#include "common/error.h"
#include "nft-sync/kernel/nft.h"

#include <libmnl/libmnl.h>

struct nft_watch {
	struct mnl_socket *socket;
	const char *table;
	uint32_t own_port; /* transactions of this netlink port are ours */
	bool deleted;      /* another table, by the transaction being read */
	bool touched;      /* by the transaction being read: its NEWGEN names the process */
	struct nft_tampering found; /* not yet asked for */
};

int nft_watch_open(struct nft_watch *watch, const char *table, uint32_t own_port,
                   struct error *err);
void nft_watch_close(struct nft_watch *watch);

/* Between the two nothing is heard: whoever pauses must find out what happened meanwhile. */
void nft_watch_pause(struct nft_watch *watch);
int nft_watch_resume(struct nft_watch *watch, struct error *err);

/* Reads what is there; true when our table was touched, or may have been (notifications lost). */
bool nft_watch_drain(struct nft_watch *watch);

#endif
