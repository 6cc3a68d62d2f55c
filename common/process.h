/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_PROCESS_H
#define PODSG_PROCESS_H

/* Runs a program for what it prints: in a session of its own, without a terminal, its input
 * empty. */

#include <stddef.h>

#include <uv.h>

#include "common/error.h"

#define PROCESS_COMPLAINT_SIZE 240

struct process;

/* Lives as long as the callback runs. */
struct process_result {
	const char *output; /* NUL behind it */
	size_t length;
	/* The end of what it wrote to standard error, on one line; "" = nothing. */
	char complaint[PROCESS_COMPLAINT_SIZE];
	int status; /* it exited with that */
	int signal; /* or was ended by that */
	/* -ETIMEDOUT, -EMSGSIZE, -ENOMEM: what it began is killed with it. */
	struct error error;
};

/* Copied when the program starts, but for the context. */
struct process_request {
	char **arguments; /* the program first: with a '/' a path, else found in PATH */
	char **environment;
	unsigned timeout;  /* milliseconds */
	size_t output_max; /* bytes, to standard output and to standard error each */
	void (*done)(void *context, const struct process_result *result);
	void *context;
};

/* done() never runs before it returns. What exec() says: -ENOENT, -EACCES. */
int process_start(uv_loop_t *loop, const struct process_request *request, struct process **ret,
                  struct error *err);
/* Kills it; done() does not run any more. Not to be called from done() on. Accepts NULL. */
void process_cancel(struct process *process);

#endif
