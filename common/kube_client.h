/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBE_CLIENT_H
#define PODSG_KUBE_CLIENT_H

/*
 * Requests to a Kubernetes API server, with the credentials of a kubeconfig or of a service
 * account. Credentials that change are read anew: files when they are other files than before, an
 * exec plugin's answer when it expires; after a 401 either is got anew and the request tried once
 * more.
 */

#include "common/http.h"

struct kube_client;
struct kube_call;

/* As struct http_request has it, which says more. Copied when the call starts. */
struct kube_request {
	const char *method;       /* NULL: GET, or POST with a body */
	const char *path;         /* "/api/v1/pods?limit=500", behind the server's own */
	const char *content_type; /* of the body; NULL: application/json */
	const char *body;
	size_t body_length;
	size_t body_max;
	unsigned idle_timeout; /* milliseconds; counts from when credentials are there */
	unsigned total_timeout;
	void (*begun)(void *context);
	int (*received)(void *context, const char *data, size_t length, struct error *err);
	void (*done)(void *context, const struct http_answer *answer);
	void *context;
};

/* kubeconfig NULL: the service account of the pod that this runs in. The loop outlives it. */
int kube_client_open(uv_loop_t *loop, const char *kubeconfig, struct kube_client **ret,
                     struct error *err);
/* Cancels what is under way; the memory goes when the loop has run once more. Accepts NULL. */
void kube_client_close(struct kube_client *client);

/* "https://10.0.0.1:443" */
const char *kube_client_server(const struct kube_client *client);

/* done() never runs before it returns. Below 0 also for credentials that cannot be read: that may
 * mend itself. In an answer, -EACCES: the server refuses the credentials (401). */
int kube_client_start(struct kube_client *client, const struct kube_request *request,
                      struct kube_call **ret, struct error *err);
void kube_client_cancel(struct kube_call *call); /* accepts NULL; no callback runs any more */

#endif
