/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/plugin/zones.h"

const struct dns_name *dns_zones_match(const struct dns_name *zones, size_t count,
                                       const struct dns_name *name)
{
	const struct dns_name *best = NULL;

	for (size_t i = 0; i < count; i++) {
		if (dns_name_under(name, &zones[i]) && (!best || zones[i].length > best->length))
			best = &zones[i];
	}
	return best;
}

bool dns_zones_fall_through(bool on, const struct dns_name *zones, size_t count,
                            const struct dns_name *name)
{
	return on && (count == 0 || dns_zones_match(zones, count, name));
}
