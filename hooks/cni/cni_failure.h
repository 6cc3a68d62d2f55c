/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CNI_FAILURE_H
#define PODSG_CNI_FAILURE_H

/* What a runtime is told when a command fails: an error object of the CNI specification. */

#include "common/buffer.h"
#include "common/error.h"

/* Up to 99 the specification's. */
enum cni_code {
	CNI_OK = 0,
	CNI_INCOMPATIBLE_VERSION = 1,
	CNI_INVALID_ENVIRONMENT = 4,
	CNI_IO_FAILURE = 5,
	CNI_UNDECODABLE = 6,
	CNI_INVALID_CONFIG = 7,
	CNI_TRY_AGAIN = 11,
	CNI_UNAVAILABLE = 50,
	CNI_UNAVAILABLE_AND_LIMITED = 51, /* pods that run may lack connectivity, too */
	CNI_NOT_AS_ADDED = 100,           /* CHECK: something of an attachment is gone */
	CNI_UNFILTERABLE = 101,           /* rules stand, but its packets never come by them */
	CNI_DELETED = 102,                /* DEL came while ADD waited */
};

struct cni_failure {
	enum cni_code code;
	char message[512]; /* one sentence: what failed, and where */
	char details[512]; /* "": none; why, and what can be done */
};

/* Fills failure and returns code, so that it ends a function. */
enum cni_code cni_fail(struct cni_failure *failure, enum cni_code code, const char *details,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The object, with a new line behind it. */
void cni_failure_print(const struct cni_failure *failure, const char *version,
                       struct buffer *buffer);

#endif
