/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_OCI_SANDBOX_H
#define PODSG_OCI_SANDBOX_H

/* What is done when somebody says that a sandbox has ended. */

#include "common/error.h"

/*
 * Removes what the sandbox has left, if it is in the journal and the kernel agrees that it is gone;
 * else nothing. 0 also where nothing was to be done. say is told of each thing that was removed,
 * kept or not to be removed, with the reason or "".
 */
int oci_sandbox_clean_up(const char *journal, const char *sandbox,
                         void (*say)(const char *event, const char *thing, const char *why),
                         struct error *err);

#endif
