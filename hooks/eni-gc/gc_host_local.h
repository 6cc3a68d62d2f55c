/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_HOST_LOCAL_H
#define PODSG_GC_HOST_LOCAL_H

/*
 * The ip rule that looks up table local, by which packets reach the node itself. The VPC CNI moves
 * it from 0 to 20 for strict pods; who cleans up rules at 20, or puts back what was at 0 and then
 * thinks better of it, leaves a node that answers nobody, kubelet and ssh included.
 */

#include "common/error.h"

#include <stdint.h>

/* 1: no rule looks up table local without conditions, at whatever priority. 0: one does, or the
 * kernel lacks the family. */
int gc_local_rule_missing(uint8_t family, struct error *err);

/* At 20. At 0 it would come before the rules of strict pods, whose packets for the node would then
 * be delivered here, past their security groups. */
int gc_local_rule_restore(uint8_t family, struct error *err);

#endif
