/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBE_EXEC_H
#define PODSG_KUBE_EXEC_H

/* Credentials of an exec plugin: one run for all who wait, kept until they expire or are refused,
 * and a pause after a run that failed. */

#include <sys/queue.h>

#include <uv.h>

#include "common/kube_credential.h"

#define KUBE_EXEC_TIMEOUT 60000 /* milliseconds */

struct kube_exec;

struct kube_exec_waiter {
	LIST_ENTRY(kube_exec_waiter) link; /* while it waits */
	/* failure NULL: there are credentials now. */
	void (*ready)(void *context, const struct error *failure);
	void *context;
};

/* The config and the loop outlive it. timeout: milliseconds that the plugin may take. */
int kube_exec_open(uv_loop_t *loop, const struct kube_config *config, unsigned timeout,
                   struct kube_exec **ret, struct error *err);
/* Nobody waits any more; the memory goes when the loop has run once more. Accepts NULL. */
void kube_exec_close(struct kube_exec *exec);

/* NULL: there are none that are valid. Valid until the loop goes on. */
const struct kube_credential *kube_exec_credential(const struct kube_exec *exec);

/* Runs the plugin unless it runs. ready() never runs before it returns. Below 0: why it cannot be
 * run, or why the last run failed while the pause behind that lasts. */
int kube_exec_wait(struct kube_exec *exec, struct kube_exec_waiter *waiter, struct error *err);
void kube_exec_forget(struct kube_exec_waiter *waiter);

/* Grows with every run that brought credentials. */
unsigned kube_exec_run(const struct kube_exec *exec);

/* The server refuses the credentials of that run. false: they are so new that others would be no
 * better. */
bool kube_exec_refused(struct kube_exec *exec, unsigned run);

#endif
