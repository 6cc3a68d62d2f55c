/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_HOST_H
#define PODSG_HOST_H

/*
 * What this network namespace says: which links there are, where the default route leads, which
 * addresses they have. The facts are plain data; only a host_watch talks to the kernel.
 */

#include "common/address.h"
#include "common/error.h"
#include "nft-sync/resolve/resolution.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_LINKS_MAX 65536
#define HOST_ADDRESSES_MAX 65536

struct host_link {
	char name[INTERFACE_NAME_MAX];
	unsigned index;
	/* What it was called when a host_watch first saw it: by this the CNI made it. "": it has
	 * gone, and one of its number that is there now is another one. */
	char first_name[INTERFACE_NAME_MAX];
};

struct host_address {
	unsigned link; /* its index */
	struct prefix address;
};

struct host {
	struct host_link *links; /* by name */
	size_t link_count;
	bool renamed;                   /* some link has not its first name */
	struct host_address *addresses; /* global ones only; by link, then address */
	size_t address_count;
	char default_interface[INTERFACE_NAME_MAX]; /* of IPv4, else of IPv6; "" = none */
};

void host_done(struct host *host); /* what it points to; it is empty afterwards */
const struct host_link *host_link(const struct host *host, const char *name);
/* Whatever it is called now; of two the one that still has the name. */
const struct host_link *host_link_once(const struct host *host, const char *first_name);
const struct host_link *host_link_numbered(const struct host *host, unsigned index);
bool host_equal(const struct host *a, const struct host *b);

/* All facts at once, without a watch. Fills ret only on success. */
int host_facts(struct host *ret, struct error *err);

struct host_watch;

int host_watch_open(struct host_watch **ret, struct error *err);
void host_watch_close(struct host_watch *watch);   /* accepts NULL */
int host_watch_fd(const struct host_watch *watch); /* readable: call host_read() */

/*
 * Reads what the kernel reported and, where it may matter, all facts anew (the first time
 * always). *changed says whether host differs from what it was, also on failure: then host is what
 * was read last, and the next call reads everything.
 */
int host_read(struct host_watch *watch, struct host *host, bool *changed, struct error *err);

/*
 * The interface by which a packet would leave. in_interface "": sent by the node itself; else
 * forwarded from there. source may be NULL; mark is the packet's, 0 = none. "" = delivered to the
 * node itself. -ENETUNREACH, -EHOSTUNREACH and the like: no route. host gives the names of the
 * links.
 */
int host_route(const struct host *host, const struct prefix *destination,
               const struct prefix *source, const char *in_interface, uint32_t mark,
               char ret[static INTERFACE_NAME_MAX], struct error *err);

#endif
