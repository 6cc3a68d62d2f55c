/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NFT_ELEMENTS_H
#define PODSG_NFT_ELEMENTS_H

/* Sets and their elements as the kernel lists them. */

#include "nft-sync/draw/image.h"

#include <libmnl/libmnl.h>

/* One listed element; pointers are into the message. */
struct nft_element {
	const uint8_t *key;
	const uint8_t *last; /* NULL but in sets of several fields with ranges */
	unsigned length;
	uint32_t flags;
	struct verdict_to verdict;
	const uint8_t *data;
	unsigned data_length;
	const char *comment; /* NULL: none */
	uint64_t packets, bytes;
	bool foreign; /* has something that we never write */
};

/* Calls visit for every element of a NFT_MSG_NEWSETELEM message; stops at its first failure. */
int nft_each_element(const struct nlmsghdr *message,
                     int (*visit)(const struct nft_element *element, void *context), void *context);

/* -ENOMEM, or -EINVAL for a set that we never make. */
int nft_parse_set(const struct nlmsghdr *message, struct image_set **ret);

struct nft_tree_point {
	uint8_t key[IMAGE_KEY_MAX];
	unsigned length;
	bool end;
};

/* The elements of a set being read. Trees list the ends of ranges as elements of their own. */
struct nft_elements {
	struct image_set *set;
	bool foreign;
	struct nft_tree_point *points;
	size_t point_count, point_capacity;
};

/* A netlink_query() callback; data is a struct nft_elements. */
int nft_parse_elements(const struct nlmsghdr *message, void *data);
/* Pairs ranges, sorts the set, frees what parsing needed. Call it after a failure too. */
int nft_elements_finish(struct nft_elements *elements);

#endif
