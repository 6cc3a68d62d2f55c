/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_AWS_IMDS_H
#define PODSG_AWS_IMDS_H

/*
 * The instance metadata service, version 2: every question carries a token, which is asked for
 * and kept. At http://169.254.169.254, or where AWS_EC2_METADATA_SERVICE_ENDPOINT says; never
 * through a proxy.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"
#include "common/http.h"

struct imds;
struct imds_call;

/* Lives as long as the callback runs. */
struct imds_answer {
	const char *text; /* NUL behind it */
	size_t length;
	/* code 0: the text is there. -ENOENT: IMDS has no such thing. -EHOSTUNREACH: there is no
	 * IMDS, or it is turned off. Others: it is there but does not answer as it should. */
	struct error error;
};

/* The http outlives it. -ENOMEM, -EINVAL: the endpoint is no URL that fits. */
int imds_open(struct http *http, struct imds **ret, struct error *err);
void imds_close(struct imds *imds); /* its calls are cancelled before; accepts NULL */

bool imds_is_disabled(void); /* AWS_EC2_METADATA_DISABLED */

/* path: behind "latest/". done() runs once, and never before this returns. */
int imds_get(struct imds *imds, const char *path,
             void (*done)(void *context, const struct imds_answer *answer), void *context,
             struct imds_call **ret, struct error *err);
void imds_cancel(struct imds_call *call); /* accepts NULL */

#endif
