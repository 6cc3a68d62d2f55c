/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONTROL_H
#define PODSG_CONTROL_H

/*
 * The control socket's protocol, seen by a client: one JSON object a line, request and answer.
 *   {"command":"status"}                       → {"ok":true, …}
 *   {"command":"explain","source":"10.0.1.5",…} → {"ok":false,"error":"…"}
 */

#include "common/error.h"

#include <cjson/cJSON.h>

#define CONTROL_REQUEST_MAX (64U << 10) /* bytes of a line */
#define CONTROL_ANSWER_MAX (64U << 20)
#define CONTROL_GROUP "podsg" /* its members may ask, besides root */

/*
 * Sends the request and waits for the answer at most seconds. *ret is the answer's object, also
 * where it says "ok":false; the caller deletes it. -ECONNREFUSED and -ENOENT: nobody listens.
 */
int control_ask(const char *path, const cJSON *request, unsigned seconds, cJSON **ret,
                struct error *err);

/*
 * A request that is answered by line after line, until one side closes:
 *   {"command":"monitor"}                      → {"ok":true, …} {"event":…} {"event":…} …
 */
struct control_stream;

/* Sends the request, waiting at most seconds for a server that is busy. */
int control_stream_open(const char *path, const cJSON *request, unsigned seconds,
                        struct control_stream **ret, struct error *err);
void control_stream_close(struct control_stream *stream); /* accepts NULL */

/*
 * The next line's value, which the caller deletes. -EAGAIN: there is no whole line yet; ask again
 * when control_stream_fd() is readable. -ECONNRESET: the server has closed. -EBADMSG: not JSON.
 */
int control_stream_next(struct control_stream *stream, cJSON **ret, struct error *err);
int control_stream_fd(const struct control_stream *stream);

#endif
