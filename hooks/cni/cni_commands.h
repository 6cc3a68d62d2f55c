/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CNI_COMMANDS_H
#define PODSG_CNI_COMMANDS_H

/* The commands of the CNI specification, one a file. What a runtime need not know, but a person may
 * want to, is logged. */

#include "common/config.h"
#include "hooks/cni/cni_call.h"
#include "hooks/cni/cni_failure.h"

typedef enum cni_code cni_command(const struct cni_call *call, const struct config *config,
                                  struct cni_failure *failure);

/* Its result is prevResult, unchanged. */
cni_command cni_add;
/* What it could not do is left to others; it never fails. */
cni_command cni_delete;
cni_command cni_check;
cni_command cni_status;
cni_command cni_collect; /* GC */

#endif
