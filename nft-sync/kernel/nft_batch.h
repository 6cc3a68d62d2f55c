/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NFT_BATCH_H
#define PODSG_NFT_BATCH_H

/*
 * One nf_tables transaction as the bytes of one sendmsg. The kernel applies it whole or not at all.
 */

#include "nft-sync/draw/delta.h"

#include <libmnl/libmnl.h>

struct nft_batch {
	uint8_t *data;
	size_t used, capacity;
	uint32_t first_sequence; /* of the batch's begin message */
	uint32_t messages;       /* between begin and end */
	/* Which step of the delta each message came from, for the text of errors. */
	uint32_t *steps;
	size_t step_capacity;
};

/*
 * Turns a delta into a batch. table_flags are set when the table is made. The last message asks
 * for an acknowledgement. -ENOMEM.
 */
int nft_batch_make(struct nft_batch *batch, const struct delta *delta, const char *table,
                   uint32_t table_flags, uint32_t sequence);
/* The kernel takes the batch only while its generation is this one, -ERESTART else. */
void nft_batch_expect(struct nft_batch *batch, uint32_t generation);
void nft_batch_free(struct nft_batch *batch);

/* What the message of that sequence number does: "add elements to set members-sg-1-4". */
const char *nft_batch_describe(const struct nft_batch *batch, const struct delta *delta,
                               uint32_t sequence, char *buffer, size_t size);

#endif
