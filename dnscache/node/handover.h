/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_HANDOVER_H
#define PODSG_DNS_HANDOVER_H

/*
 * What outlives the process in the service manager's fd store (sd_pid_notify_with_fds(3)):
 * listening sockets, by the name "udp-ADDRESS-PORT-WORKER" or "tcp-…", and the cache's memfd,
 * "cache". Queries that come while nobody runs wait in the sockets' queues. Names have at most 255
 * bytes, no control characters; a colon is stored as "_", for the manager takes none.
 */

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

struct handover;

/* Takes what the manager passed (LISTEN_FDS, LISTEN_FDNAMES) and unsets the variables. Without a
 * manager all is empty and nothing is stored. */
int handover_open(struct handover **ret, struct error *err);
/* Removes from the store, and closes, what nobody took; frees. Accepts NULL. */
void handover_close(struct handover *handover);

/* -1: not there. The descriptor is the caller's from now on. */
int handover_take(struct handover *handover, const char *name);
int handover_store(const char *name, int fd, struct error *err);
int handover_forget(const char *name, struct error *err);

/* From now on nothing comes to this listening socket, whoever else holds it; what is in the queue
 * of a datagram socket can be read, and answered. */
void handover_silence(int fd);

#endif
