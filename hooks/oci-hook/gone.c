/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/magic.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/vfs.h>

#include "hooks/oci-hook/gone.h"

/* The kernel gives no index twice until 2^31 were given. */
static bool has_interface(unsigned index)
{
	char name[IF_NAMESIZE];
	return if_indextoname(index, name) || errno != ENXIO;
}

/* An empty file stays where the namespace was mounted if nobody removes it. */
static bool has_netns(const char *path)
{
	struct statfs status;
	if (statfs(path, &status) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	return status.f_type == NSFS_MAGIC;
}

/* The interface decides where it is known: the path may be one of another mount namespace. */
enum oci_verdict oci_sandbox_verdict(const struct attachment *attachment, const char *boot)
{
	bool netns = attachment->netns[0] && has_netns(attachment->netns);
	if (boot[0] && attachment->boot[0] && strcmp(boot, attachment->boot) != 0)
		return OCI_GONE;
	if (attachment->interface_index > 0 && !has_interface(attachment->interface_index))
		return OCI_GONE;
	if (!attachment->netns[0] || netns)
		return OCI_ALIVE;
	return attachment->interface_index > 0 ? OCI_LEAVING : OCI_GONE;
}
