/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_MEMORY_LIMIT_H
#define PODSG_DNS_MEMORY_LIMIT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define MEMORY_LIMIT_GROUPS "/proc/self/cgroup"
#define MEMORY_LIMIT_MOUNT "/sys/fs/cgroup"

struct memory_limit {
	uint64_t bytes;
	char group[PATH_MAX]; /* the control group that has it: "/system.slice/x.service", "/" */
};

/*
 * The least that a process may have in memory by its control group and those above it, of version 1
 * or 2; beyond it the kernel kills. groups: as /proc/PID/cgroup tells them; mount: where they are,
 * version 1's memory controller in a directory of that name. False: there is no limit, or none that
 * can be read.
 */
bool memory_limit_find(const char *groups, const char *mount, struct memory_limit *ret);

#endif
