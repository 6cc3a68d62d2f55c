/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_GRPC_H
#define PODSG_GC_GRPC_H

/* gRPC as far as one call needs it: an empty request over a unix socket, one message back. The
 * wire is described in gRPC's PROTOCOL-HTTP2.md. */

#include "common/buffer.h"
#include "common/error.h"

#include <stddef.h>

#define GC_GRPC_MESSAGE_MAX (16U << 20) /* bytes; kubelet's own limit towards its runtime */

/*
 * method: "/runtime.v1.RuntimeService/ListPodSandbox". ret gets the message, and is the caller's to
 * end with buffer_done() whatever the answer. -EOPNOTSUPP: the server does not know the method.
 * -ETIMEDOUT after timeout milliseconds. Other failures have the server's own words, made
 * printable.
 */
int gc_grpc_call(const char *socket, const char *method, unsigned timeout, struct buffer *ret,
                 struct error *err);

#endif
