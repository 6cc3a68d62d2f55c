/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NOTIFY_H
#define PODSG_NOTIFY_H

/*
 * What systemd is told, as sd_notify(3) has it: readiness, reloads, a status line, and that the
 * event loop turns. Where nobody asked to be told, all of it does nothing.
 */

#include "common/error.h"

#include <uv.h>

#define NOTIFY_STATUS_MAX 512
#define NOTIFY_PATIENCE 30 /* seconds */

struct notify;

/* *ret is NULL where there is nobody to tell; all functions accept that. */
int notify_open(uv_loop_t *loop, struct notify **ret, struct error *err);
void notify_close(struct notify *notify); /* the memory goes when the loop has run once more */

/* Not ready yet, and alive: the start may take NOTIFY_PATIENCE from now. */
void notify_waiting(struct notify *notify);
void notify_ready(struct notify *notify);     /* told once */
void notify_reloading(struct notify *notify); /* nothing before notify_ready() */
void notify_reloaded(struct notify *notify);
void notify_stopping(const struct notify *notify);

/* Told when it is another one, and not more than once a second. */
void notify_status(struct notify *notify, const char *status);

#endif
