/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_HTTP_SERVER_H
#define PODSG_HTTP_SERVER_H

/*
 * A tiny HTTP server on the event loop, for scrapers and probes: GET and HEAD, one request a
 * connection. What a path means is its handler's business.
 */

#include "common/error.h"

#include <stddef.h>
#include <uv.h>

#define HTTP_SERVER_CLIENTS_MAX 16 /* one more takes the place of the oldest */
#define HTTP_SERVER_HEAD_MAX 8192
#define HTTP_SERVER_SECONDS 5 /* for the whole head, and as long for the whole answer */

struct http_server;

struct http_reply {
	int status;       /* 404 to begin with */
	const char *type; /* of the body; text/plain to begin with */
	char *body;       /* malloc'd, the server frees it; NULL: the status says it all */
	size_t length;
};

typedef void http_handler(void *context, const char *path, struct http_reply *reply);

/* address: "127.0.0.1:9254", "[::1]:9254", or ":9254" for every address of the node, as the
 * configuration has checked it. */
int http_server_open(uv_loop_t *loop, const char *address, http_handler *handler, void *context,
                     struct error *err, struct http_server **ret);

/* Closes its handles; the memory goes when the loop has run once more. Accepts NULL. */
void http_server_close(struct http_server *server);

#endif
