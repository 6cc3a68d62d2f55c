/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NFT_TYPES_H
#define PODSG_NFT_TYPES_H

/* The numbers by which the kernel and nft know what an image knows by name, both ways. */

#include "nft-sync/draw/image.h"

uint32_t nft_set_key_type(const struct image_set *set);
uint32_t nft_set_key_length(const struct image_set *set);
uint32_t nft_set_flags(const struct image_set *set);
uint32_t nft_set_data_type(enum set_data data);
uint32_t nft_set_data_length(enum set_data data);
uint32_t nft_verdict_code(enum verdict_code code);
uint32_t nft_hook_number(enum image_hook hook);
const char *nft_hook_type(enum image_hook hook);

/* What a listed set is; -EINVAL for one that we never make. */
int nft_set_types(uint32_t key_type, enum key_type types[static IMAGE_FIELDS_MAX], unsigned *count);
int nft_set_data(uint32_t flags, uint32_t data_type, enum set_data *ret);
enum verdict_code nft_verdict_of(uint32_t code); /* VERDICT_NONE for one that we never use */
enum image_hook nft_hook_of(uint32_t number, const char *type);

#endif
