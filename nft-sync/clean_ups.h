/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CLEAN_UPS_H
#define PODSG_CLEAN_UPS_H

/*
 * What a DEL has left: attachments that are gone and whose file is still in the journal. Each is
 * cleaned up with the routine that DEL has, one after the other, beside the loop; what fails is
 * tried again, with longer and longer pauses, until nothing is left and its file can go.
 */

#include "nft-sync/sync.h"

#include <uv.h>

struct clean_ups;

/* Loop and sync outlive it; history.clean_ups says how it goes. finished: something was done, the
 * journal is another one. NULL: no memory. */
struct clean_ups *clean_ups_new(uv_loop_t *loop, struct sync *sync, void (*finished)(void *context),
                                void *context);
/* Its memory goes when the loop has run until nothing is left. Accepts NULL. */
void clean_ups_free(struct clean_ups *clean_ups);

/* The journal may have changed. */
void clean_ups_follow(struct clean_ups *clean_ups);

#endif
