/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_ENI_SWEEP_H
#define PODSG_GC_ENI_SWEEP_H

/*
 * Deletes in two phases what two complete lists, the cool-down apart, show to be leaked. It may be
 * killed at any time: what is remembered was written before anything is deleted.
 */

#include "hooks/eni-gc/gc_eni_ec2.h"
#include "hooks/eni-gc/gc_eni_options.h"
#include "hooks/eni-gc/gc_eni_report.h"

/* Returns what the program exits with; all is reported. */
int gc_sweep(struct gc_ec2 *ec2, const struct gc_eni_options *options,
             struct gc_eni_report *report);

#endif
