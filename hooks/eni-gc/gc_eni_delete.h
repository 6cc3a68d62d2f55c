/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_ENI_DELETE_H
#define PODSG_GC_ENI_DELETE_H

/* One deletion, right after EC2 has been asked whether the thing is still what it was. */

#include "hooks/eni-gc/gc_eni_listing.h"

/* What became of it, which is reported: GC_ENI_DELETED, GC_ENI_WOULD_DELETE, GC_ENI_GONE,
 * GC_ENI_KEPT, GC_ENI_FAILED.
 */
enum gc_eni_action gc_delete(struct gc_ec2 *ec2, const struct gc_candidate *candidate, bool dry_run,
                             struct gc_eni_report *report);

#endif
