/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/magic.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "hooks/sandbox_signs.h"

enum netns_sign sandbox_netns_sign(const struct attachment *attachment)
{
	const char *path = attachment->netns;
	struct statfs system;
	struct stat there;
	struct stat own;
	if (!path[0])
		return NETNS_ABSENT;
	if (statfs(path, &system) < 0)
		return errno == ENOENT || errno == ENOTDIR ? NETNS_ABSENT : NETNS_UNKNOWN;
	if (system.f_type != NSFS_MAGIC)
		return NETNS_ABSENT;
	if (stat(path, &there) < 0)
		return NETNS_UNKNOWN;
	if (stat("/proc/self/ns/net", &own) < 0)
		return NETNS_THERE;
	return own.st_ino == there.st_ino && own.st_dev == there.st_dev ? NETNS_OURS : NETNS_THERE;
}

/* Under another name it was renamed, or it is another one that was moved here with the index. */
static bool has_number(const struct attachment *attachment)
{
	char name[IF_NAMESIZE];
	if (!if_indextoname(attachment->interface_index, name))
		return errno != ENXIO;
	return strcmp(name, attachment->interface) == 0 || !attachment->netns[0] ||
	       sandbox_netns_sign(attachment) != NETNS_ABSENT;
}

bool sandbox_has_interface(const struct attachment *attachment)
{
	if (attachment->interface_index)
		return has_number(attachment);
	return attachment->interface[0] &&
	       (if_nametoindex(attachment->interface) || errno != ENODEV);
}
