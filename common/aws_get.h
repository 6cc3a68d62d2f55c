/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_AWS_GET_H
#define PODSG_AWS_GET_H

/* One call of an AWS REST API that only reads: a signed GET; JSON comes back, or an error with
 * AWS's own code. */

#include "common/aws_query.h"

/* Copied when the call starts, but for the context. */
struct aws_get {
	const char *url;
	const char *region;
	const char *service;
	const char *action; /* for errors: "DescribeCluster" */
	const struct aws_keys *keys;
	/* Once, and never before aws_get_start() returns; text lives as long as it runs, "" unless
	 * the outcome is AWS_OK. */
	void (*done)(void *context, const struct aws_answer *answer, const char *text,
	             size_t length);
	void *context;
};

#define AWS_GET_MAX (1U << 20) /* bytes of an answer */

int aws_get_start(struct http *http, const struct aws_get *get, struct error *err);

#endif
