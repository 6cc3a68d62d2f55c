/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_BRANCHES_H
#define PODSG_DNS_BRANCHES_H

/* branches.json as the DNS cache reads it: which client address may ask, and which servers the
 * cluster's DNS has. Read-only once loaded. */

#include "common/error.h"
#include "dnscache/node/cluster_server.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct branch_client {
	uint8_t family;
	uint8_t address[16];
	bool strict;
	bool udp, tcp;             /* permitted */
	bool first;                /* of its pod's, in the order of branches_client() */
	const char *pod;           /* namespace/name, of the table */
	const char *reason;        /* why not */
	_Atomic uint64_t *refused; /* of this pod; shared by tables one after the other */
};

struct branches;

/*
 * -ENOENT: no such file; -EBADMSG: broken; -E2BIG: too many branches. An item that is not
 * understood is left out and *skipped (may be NULL) counts it. previous (NULL: none) is the table
 * that this one takes the place of: a pod goes on counting where it was. Both may be freed in any
 * order, by the thread that loads. Sizes are limited: 16 MiB of file, as its writer has it,
 * DNS_BRANCHES_MAX branches; of servers the first DNS_SERVERS_MAX are read.
 */
#define DNS_BRANCHES_MAX 10000
#define DNS_SERVERS_MAX 1024
int branches_load(const char *path, const struct branches *previous, struct branches **ret,
                  unsigned *skipped, struct error *err);
void branches_free(struct branches *branches); /* accepts NULL */

/* NULL: not a branch interface's address, so anybody's: served. No lock, no allocation. */
const struct branch_client *branches_find(const struct branches *branches,
                                          const struct sockaddr *address);

/* Interfaces of strict branches, host veths and branch devices, sorted; they need no quoting. */
const char *const *branches_strict(const struct branches *branches, size_t *count);
/* As its writer knows them; none: it does not, or is of a version that does not say. */
const struct cluster_server *branches_servers(const struct branches *branches, size_t *count);
uint64_t branches_generation(const struct branches *branches);
size_t branches_client_count(const struct branches *branches);
const struct branch_client *branches_client(const struct branches *branches, size_t i);

#endif
