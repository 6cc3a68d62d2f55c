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

#endif
