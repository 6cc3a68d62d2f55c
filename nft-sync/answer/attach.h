/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_ATTACH_H
#define PODSG_ATTACH_H

/*
 * {"command":"attach","sandbox":ID,"ifname":IF,"wait":MILLISECONDS}: podsg-cni asks whether the
 * sandbox, which it has written into the journal, may start. Answered as soon as that is known,
 * and after so many milliseconds (at most ATTACH_WAIT_MAX) in any case:
 *   {"ok":true,"state":"enforced","interface":…,"pod":"NAMESPACE/NAME","mode":…,"generation":N}
 *   {"ok":true,"state":"unmanaged","reason":…}
 *   {"ok":true,"state":"waiting","reason":…}   it is not known yet, or its rules don't stand
 */

#include "nft-sync/answer/control_server.h"
#include "nft-sync/sync.h"

#define ATTACH_WAITERS_MAX 512 /* at a time: places are left for other questions */
#define ATTACH_WAIT_MAX 60000

struct attach;

/* Loop and sync outlive it; how long answers took goes into the history. read: makes what is known
 * current, and what changes true soon. */
struct attach *attach_new(uv_loop_t *loop, struct sync *sync, void (*read)(void *context),
                          void *context); /* NULL: no memory */
/* Only when the control server is closed, so that nobody waits. Its memory goes when the loop has
 * run once more. Accepts NULL. */
void attach_free(struct attach *attach);

bool attach_is_asked(const cJSON *request);
/* NULL: the answer comes later. */
cJSON *attach_answer(struct attach *attach, const cJSON *request, struct control_client *client);

/* Something may have come true, or have failed: whoever waits for it is answered. */
void attach_settle(struct attach *attach);

#endif
