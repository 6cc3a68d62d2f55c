/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "common/interface_hash.h"
#include "nft-sync/resolve/interface_name.h"

void interface_name(const char *prefix, const char *namespace, const char *pod, char ret[static 16])
{
	char hash[INTERFACE_HASH_SIZE];
	interface_hash(namespace, pod, hash);
	(void)snprintf(ret, 16, "%.*s%s", INTERFACE_PREFIX_MAX, prefix, hash);
}
