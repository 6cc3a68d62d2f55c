/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_NETWORK_WATCH_H
#define PODSG_DNS_NETWORK_WATCH_H

/*
 * Tells when somebody, ourselves included, has changed the interface. Not of the tables: where one
 * process of the machine listens to nf_tables, the kernel writes a notification for every element
 * that any other adds, and nft-sync's start takes twice as long. They are looked at instead.
 */

#include "common/error.h"

#include <uv.h>

struct network_watch;

/* changed is called once for all changes of a moment, and in the long run at most every 200 ms.
 * interface must outlive the watch. */
int network_watch_open(uv_loop_t *loop, const char *interface, void (*changed)(void *context),
                       void *context, struct network_watch **ret, struct error *err);
/* Accepts NULL; the memory goes when the loop has run once more. */
void network_watch_close(struct network_watch *watch);

#endif
