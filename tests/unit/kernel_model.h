/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_KERNEL_MODEL_H
#define PODSG_TESTS_KERNEL_MODEL_H

/*
 * What nf_tables makes of the steps of a delta, as far as it can refuse them: nothing is added
 * twice, nothing is named before it exists, nothing goes while something names it.
 */

#include "nft-sync/draw/delta.h"

struct kernel_model;

struct kernel_model *kernel_model_new(void);
void kernel_model_free(struct kernel_model *kernel); /* accepts NULL */

/* NULL, or why the kernel refuses the transaction at that step. */
const char *kernel_model_apply(struct kernel_model *kernel, const struct delta *delta);

/* NULL, or what differs from the image. */
const char *kernel_model_differs(struct kernel_model *kernel, const struct image *image);

#endif
