/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_CONTROL_PLACE_H
#define PODSG_TESTS_CONTROL_PLACE_H

/* A directory with a control socket, its server on a loop that tests turn, and raw clients. */

#include "nft-sync/answer/control_server.h"

#include <stdbool.h>

#define LARGE (4U << 20)

struct place {
	uv_loop_t loop;
	struct control_server *server; /* NULL: none was opened */
	char directory[32];
	char path[64];
	unsigned requests;
	struct control_client *stream; /* the last that asked for one, as long as it is there */
	struct control_client *later;  /* the last that waits for its answer, likewise */
	unsigned gone;                 /* clients that have left one of these */
};

/* cmocka's set-up and tear-down. What leaves a handle open fails the latter. */
int open_place(void **state);
int open_server(void **state); /* the place, and its server */
int close_place(void **state);

/* Echoes "say"; "large" asks for an answer of LARGE bytes, more than a socket's buffer holds;
 * "stream" asks for lines, which tests give to place->stream; "later" for an answer that they give
 * to place->later. */
cJSON *answer(void *context, const cJSON *request, struct control_client *client);
int serve(struct place *place, struct error *err);

void turn(struct place *place); /* the loop, once, a millisecond at most */
int connect_to(struct place *place);
int listen_at(const char *path); /* somebody else, with room for one that waits */
void say(int fd, const char *text);
/* The next line, without its end; "" where the server closed the connection. Static. */
const char *hear(struct place *place, int fd);

#endif
