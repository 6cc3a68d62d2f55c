/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_POD_EVENT_QUEUE_H
#define PODSG_POD_EVENT_QUEUE_H

/*
 * Events on pods on their way to the API server, one after the other and not too many at once.
 * An event that the server does not take is tried again a few times, then dropped; without the
 * right to make events, that is said once.
 */

#include "common/error.h"
#include "common/kube_client.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct pod_event {
	const char *namespace;
	const char *pod;
	const char *uid;
	bool warning;
	const char *reason;
	const char *message;
	uint64_t digest; /* of all that: two events of one digest are one to the API server */
};

struct pod_event_queue;

/* Loop and client outlive it, the node's name does not need to. -ENOMEM. */
int pod_event_queue_open(uv_loop_t *loop, struct kube_client *client, const char *node,
                         struct pod_event_queue **ret, struct error *err);
/* What waits is dropped; the memory goes when the loop has run once more. Accepts NULL. */
void pod_event_queue_close(struct pod_event_queue *queue);

/* Copies the event. One too many is dropped. */
void pod_event_queue_put(struct pod_event_queue *queue, const struct pod_event *event);

#endif
