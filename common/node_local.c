/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/socket.h>

#include "common/node_local.h"

static const struct prefix ranges[] = {
	{AF_INET, 16, {169, 254}},
	{AF_INET6, 10, {0xfe, 0x80}},
	{AF_INET6, 7, {0xfc}},
};

bool address_is_node_local(const struct prefix *address)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (prefix_contains(&ranges[i], address))
			return true;
	return false;
}
