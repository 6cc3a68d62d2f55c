/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONTROL_SERVER_H
#define PODSG_CONTROL_SERVER_H

/* The listening side of the control socket: who may ask, how much, how long. What a request means
 * is its handler's business. A client gets one answer to a request, at once or later, or lines from
 * then on. */

#include "common/error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <uv.h>

#define CONTROL_CLIENTS_MAX 576
#define CONTROL_IDLE_SECONDS 30

struct control_server;
struct control_client;

/* Returns the answer, which the server deletes; NULL: no memory, or the answer comes later. client
 * is whoever asks. */
typedef cJSON *control_handler(void *context, const cJSON *request, struct control_client *client);

/* A socket of a dead process in the way is replaced; a living one is -EADDRINUSE. */
int control_server_open(uv_loop_t *loop, const char *path, control_handler *handler, void *context,
                        struct error *err, struct control_server **ret);

/*
 * For handlers, who return NULL then: the answer comes later, by control_client_answer(); further
 * requests wait for it. gone is called once if the client leaves or the server closes before that;
 * the client is not to be used any more then.
 */
void control_client_defer(struct control_client *client, void (*gone)(void *context),
                          void *context);

/* Takes the answer; NULL: no memory, the connection closes. Not from within the handler. gone is
 * not called any more. */
void control_client_answer(struct control_client *client, cJSON *answer);

/*
 * For handlers: behind its answer, the client gets lines until it leaves; further requests of its
 * are not heard. gone is called once, when the client leaves or the server closes, and never from
 * within control_client_say(); the client is not to be used any more then.
 */
void control_client_stream(struct control_client *client, void (*gone)(void *context),
                           void *context);

/* One line more. Who does not read them in time misses the oldest: see control_client_missed(). */
void control_client_say(struct control_client *client, const cJSON *line);
uint64_t control_client_missed(const struct control_client *client); /* lines so far */

/* Whether it has yet to read lines, so that one more may have to give way. */
bool control_client_is_behind(const struct control_client *client);

/* The stream is over: the connection closes. gone is called before this returns. */
void control_client_end(struct control_client *client);

/* Closes its handles; the memory goes when the loop has run once more. Accepts NULL. */
void control_server_close(struct control_server *server);

#endif
