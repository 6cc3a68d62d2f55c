/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_NFT_APART_H
#define PODSG_DNS_NFT_APART_H

/*
 * Commands of libnftables in a child process. It reads the sets and chains of everybody's tables
 * before it changes ours, and some versions don't survive what newer tools put there
 * (kubernetes#136786 with 1.0.6): that must not take the node's DNS away. The child uses the
 * context's own socket, which thereby goes on owning its table.
 */

#include <nftables/libnftables.h>
#include <stddef.h>

#define NFT_APART_SECONDS 5 /* a child that takes longer is killed */

/* 0; -EIO: refused; -ECHILD: the child died; -ETIMEDOUT; another negative errno: there was none.
 * said gets the first line of what libnftables has to say, "" = nothing. */
int nft_apart(struct nft_ctx *nft, const char *text, char *said, size_t room);

#endif
