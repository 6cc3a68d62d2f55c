/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_IMAGE_TEXT_H
#define PODSG_IMAGE_TEXT_H

#include "nft-sync/draw/image.h"

#include <stdio.h>

/* Writes the image as `nft -f` reads it and much as `nft list table` shows it. */
void image_print(const struct image *image, const char *table, FILE *out);

#endif
