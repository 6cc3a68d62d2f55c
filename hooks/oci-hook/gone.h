/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_OCI_GONE_H
#define PODSG_OCI_GONE_H

/*
 * Whether the kernel agrees that a sandbox is gone: "poststop" alone means that it has been deleted
 * in CRI-O, and in containerd that its process has ended, while its network still stands.
 */

#include "common/journal.h"

enum oci_verdict {
	OCI_ALIVE,   /* or nothing is known that could tell */
	OCI_LEAVING, /* the way to its network namespace is gone, its interface is not yet */
	OCI_GONE,
};

/* boot: of this boot, "" if unknown. */
enum oci_verdict oci_sandbox_verdict(const struct attachment *attachment, const char *boot);

#endif
