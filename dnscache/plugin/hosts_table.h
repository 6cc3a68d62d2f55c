/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_HOSTS_TABLE_H
#define PODSG_DNS_HOSTS_TABLE_H

/* Names and their addresses, found by either; in the order in which they were added. */

#include "common/address.h"
#include "dnscache/wire/name.h"

#include <stddef.h>

#define HOSTS_ENTRIES_MAX 1000000

struct hosts_entry {
	uint32_t name; /* where it is in names */
	uint32_t next_by_name, next_by_address;
	uint8_t family;
	uint8_t address[16];
};

struct hosts_table { /* a zeroed one is empty and ready */
	struct hosts_entry *entries;
	uint32_t count, capacity;
	uint8_t *names; /* a length and the wire form each, lower case */
	uint32_t names_size, names_capacity;
	uint32_t *by_name, *by_address; /* heads of chains: index + 1 */
	uint32_t mask;
};

/* address: IPv4 inside IPv6 is told as IPv4. -ENOMEM; -E2BIG: HOSTS_ENTRIES_MAX. */
int hosts_table_add(struct hosts_table *table, const struct dns_name *name,
                    const struct prefix *address);
int hosts_table_index(struct hosts_table *table); /* once, when all are added: -ENOMEM */
void hosts_table_done(struct hosts_table *table);

/* The next entry after `after`, or with NULL the first one; NULL: no more. Names are compared
 * whatever their case. */
const struct hosts_entry *hosts_table_of_name(const struct hosts_table *table,
                                              const struct dns_name *name, uint8_t family,
                                              const struct hosts_entry *after);
const struct hosts_entry *hosts_table_of_address(const struct hosts_table *table,
                                                 const struct prefix *address,
                                                 const struct hosts_entry *after);

void hosts_table_name(const struct hosts_table *table, const struct hosts_entry *entry,
                      struct dns_name *ret);

#endif
