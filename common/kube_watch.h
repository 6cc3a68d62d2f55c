/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBE_WATCH_H
#define PODSG_KUBE_WATCH_H

/*
 * Follows one resource of a Kubernetes API server: a list in pages, then a watch that goes on from
 * there for ever. Whatever fails is tried again, with back-off; nothing is polled. Until a list is
 * complete nothing is said to be gone.
 */

#include "common/error.h"
#include "common/kube_client.h"
#include "common/kube_message.h"
#include "common/kube_progress.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define KUBE_WATCH_FORMS 2

/* Where a resource is: the first form that the server knows. */
struct kube_form {
	const char *path;        /* with its selectors: "/api/v1/pods?fieldSelector=…"; copied */
	const char *api_version; /* of its objects; outlives the watch, as kind does */
};

struct kube_resource {
	const char *kind;
	struct kube_form forms[KUBE_WATCH_FORMS]; /* path NULL: there is none */
	/* The first list may come from the server's cache, all in one page and a little old: for
	 * what the server would have to read all objects of the cluster from its store. */
	bool from_cache;
	unsigned absent_after; /* milliseconds, as struct kube_progress has it */
};

/* None is NULL. Any of them may close the watch. */
struct kube_watch_handler {
	void (*begin)(void *context); /* a list begins, or begins anew */
	void (*object)(void *context, const struct kube_object *object, const char *api_version);
	void (*end)(void *context);  /* it is complete: what it did not have is gone */
	void (*news)(void *context); /* the state is another */
	void *context;
};

struct kube_watch;

/* Nothing is called back before it returns. -ENOMEM. */
int kube_watch_open(uv_loop_t *loop, struct kube_client *client,
                    const struct kube_resource *resource, const struct kube_watch_handler *handler,
                    struct kube_watch **ret, struct error *err);
/* Calls back no more; the memory goes when the loop has run once more. Accepts NULL. */
void kube_watch_close(struct kube_watch *watch);

const struct kube_watch_state *kube_watch_state(const struct kube_watch *watch);

#endif
