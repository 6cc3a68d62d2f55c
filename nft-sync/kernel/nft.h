/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NFT_H
#define PODSG_NFT_H

/*
 * Our table in the kernel: makes it equal to an image, by the smallest change, and notices when
 * somebody else touches it. No child process, one transaction at a time.
 */

#include "common/error.h"
#include "nft-sync/draw/image.h"

struct nft;

struct nft_report {
	bool changed;
	bool reread; /* the kernel's state was read, not remembered */
	unsigned attempts;
	uint32_t messages; /* netlink messages of the transaction, without the batch's frame */
	size_t bytes;
	size_t elements_added, elements_deleted;
	uint32_t generation; /* of the kernel's rule set, once committed */
};

/* Somebody else's transaction that touched our table. */
struct nft_tampering {
	bool seen;
	uint32_t pid;
	char process[64];
	char what[160]; /* "table deleted podsg", "rule added to chain forward", … */
	bool around_us; /* it deleted tables, and the kernel kept it off ours */
};

/* own: the kernel is asked to keep other processes off the table (Linux 6.9; else without). */
int nft_open(const char *table, bool own, struct nft **ret, struct error *err);
void nft_close(struct nft *nft); /* accepts NULL; the table stays in force */

/*
 * Makes the kernel's table equal to wanted. Nothing is ever half applied; a refused transaction
 * (-ERESTART, -EBUSY, -EEXIST, -ENOENT, -ENOBUFS) leads to a fresh reading and another try, a
 * bounded number of times. On success the image is remembered as what the kernel holds; it must
 * outlive the next call. Its chains get their digests.
 */
int nft_apply(struct nft *nft, struct image *wanted, struct nft_report *report, struct error *err);

/* The same, but only where there is no table; whether there was none, report->changed says. */
int nft_apply_new(struct nft *nft, struct image *wanted, struct nft_report *report,
                  struct error *err);

/* Forget what the kernel is thought to hold: the next nft_apply() reads it. */
void nft_distrust(struct nft *nft);

/* For the event loop: readable when there are notifications. */
int nft_watch_fd(const struct nft *nft);
/* Reads them all without blocking. Where another process touched our table, the next nft_apply()
 * reads the kernel's state. Lost notifications (ENOBUFS) count as touched, by an unknown one. */
int nft_watch_read(struct nft *nft, struct nft_tampering *ret);

/* Calls visit for the elements of a set that counts. */
struct nft_element;
int nft_read_counters(struct nft *nft, const char *set,
                      int (*visit)(const struct nft_element *element, void *context),
                      void *context);

/* Packets of a chain that has one rule that counts. -ENOENT: there is no such chain. */
int nft_read_chain_counter(struct nft *nft, const char *chain, uint64_t *packets);

#endif
