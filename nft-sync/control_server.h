/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONTROL_SERVER_H
#define PODSG_CONTROL_SERVER_H

/* The listening side of the control socket: who may ask, how much, how long. What a request means
 * is its handler's business. */

#include "common/error.h"

#include <cjson/cJSON.h>
#include <uv.h>

#define CONTROL_CLIENTS_MAX 32
#define CONTROL_IDLE_SECONDS 30

struct control_server;

/* Returns the answer, which the server deletes; NULL: no memory. */
typedef cJSON *control_handler(void *context, const cJSON *request);

/* A socket of a dead process in the way is replaced; a living one is -EADDRINUSE. */
int control_server_open(uv_loop_t *loop, const char *path, control_handler *handler, void *context,
                        struct error *err, struct control_server **ret);

/* Closes its handles; the memory goes when the loop has run once more. Accepts NULL. */
void control_server_close(struct control_server *server);

#endif
