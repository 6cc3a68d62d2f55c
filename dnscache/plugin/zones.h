/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_ZONES_H
#define PODSG_DNS_ZONES_H

#include "dnscache/wire/name.h"

/* The longest of the zones that the name is under, or NULL. */
const struct dns_name *dns_zones_match(const struct dns_name *zones, size_t count,
                                       const struct dns_name *name);
/* Corefile's `fallthrough [ZONES]`: on, and without zones or for one that the name is under. */
bool dns_zones_fall_through(bool on, const struct dns_name *zones, size_t count,
                            const struct dns_name *name);

#endif
