/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DROP_MONITOR_H
#define PODSG_DROP_MONITOR_H

/*
 * {"command":"monitor"}: dropped packets, told live to the clients of the control socket. The drop
 * log is listened to while there is at least one of them, and not otherwise.
 *
 * The request may narrow what is told: "pod":"NAMESPACE/NAME", "interface", "direction", "reason".
 * Behind {"ok":true,…} come lines with
 *   "event":"drop"       one packet: see drop_event.h
 *   "event":"missed"     "more": packets dropped, at least, but not told: the kernel logs so many a
 *                        second; "lost": messages of any pod that the daemon did not read in time;
 *                        "slow": lines that this client did not. Since the "missed" before it.
 *   "event":"heartbeat"  nothing else was to be told
 */

#include "nft-sync/answer/control_server.h"
#include "nft-sync/sync.h"

#define DROP_MONITORS_MAX 8 /* clients at a time: places are left for other questions */

struct drop_monitor;

/* loop and sync outlive it. NULL: no memory. */
struct drop_monitor *drop_monitor_new(uv_loop_t *loop, struct sync *sync);

/* Only when the control server is closed, so that no client is left. Accepts NULL. */
void drop_monitor_free(struct drop_monitor *monitor);

bool drop_monitor_is_asked(const cJSON *request);
cJSON *drop_monitor_answer(struct drop_monitor *monitor, const cJSON *request,
                           struct control_client *client);

#endif
