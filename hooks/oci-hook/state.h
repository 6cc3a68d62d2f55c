/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_OCI_STATE_H
#define PODSG_OCI_STATE_H

/* The state of a container, which an OCI runtime gives its hooks on standard input. */

#include <stddef.h>

#include "common/error.h"
#include "common/journal.h"

#define OCI_STATE_MAX (4U << 20) /* bytes; CRI-O puts all annotations of the pod into it twice */

/*
 * What CNI_CONTAINERID was if this container is a pod's sandbox: its own id, unless the runtime
 * says that it is a sandbox of another id. An application's id is no sandbox's, so what is returned
 * for it is in no journal. -EBADMSG: not such a state.
 */
int oci_state_parse(const char *text, size_t length, char ret[static JOURNAL_SANDBOX_MAX + 1],
                    struct error *err);

#endif
