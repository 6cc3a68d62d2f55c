/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_HTTP_H
#define PODSG_HTTP_H

/*
 * HTTP requests on an event loop: libcurl's multi interface driven by libuv. TLS is verified,
 * redirects are not followed, only http and https are spoken. Callbacks may start, cancel and
 * close, and never run inside each other.
 */

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define HTTP_HEADERS_MAX 16
#define HTTP_BODY_MAX (16U << 20)      /* of an answer that is collected, by default */
#define HTTP_HEADER_MAX 128            /* of the header that is kept; a longer one is cut */
#define HTTP_COMPLAINT_MAX (64U << 10) /* of one that is no 2xx where 2xx goes to received() */

struct http;
struct http_call;

/* Strings may be NULL = not set; they are copied when a call starts. */
struct http_tls {
	const char *ca_file; /* neither file nor PEM text: the system's authorities */
	const char *ca_pem;
	const char *certificate_file; /* of the client; each a file or PEM text */
	const char *certificate_pem;
	const char *key_file;
	const char *key_pem;
	const char *server_name; /* instead of the URL's host */
	bool insecure;           /* kubeconfig's insecure-skip-tls-verify */
};

/* Signs by AWS Signature Version 4, as libcurl does it. */
struct http_signature {
	const char *access_key;
	const char *secret_key;
	const char *session_token; /* NULL: none */
	const char *region;
	const char *service;
};

/* What came back, or why nothing did. Lives as long as the callback runs. */
struct http_answer {
	int status;           /* 0: no answer */
	bool connected;       /* the request could be sent */
	unsigned retry_after; /* seconds, of the header; 0 = not said */
	const char *header;   /* the value of the one that was asked for; "" = not said */
	const char *body;     /* NULL where received() took it; NUL behind it */
	size_t body_length;
	struct error error; /* code 0: an answer came whole, whatever its status */
};

/* Copied when the call starts, but for the context. */
struct http_request {
	const char *method; /* NULL: GET, or POST with a body */
	const char *url;
	const char *headers[HTTP_HEADERS_MAX]; /* "Name: value"; NULL behind the last */
	const char *body;
	size_t body_length;
	const struct http_tls *tls;
	const struct http_signature *signature;
	const char *proxy;        /* URL; NULL: the environment's */
	const char *header;       /* of the answer: its value is kept; NULL: none */
	bool direct;              /* no proxy at all */
	size_t body_max;          /* bytes of an answer, -EMSGSIZE beyond; 0: HTTP_BODY_MAX where
	                             it is collected, no maximum where received() takes it */
	unsigned connect_timeout; /* milliseconds, TLS included; 0 = the default of 5 s */
	unsigned idle_timeout;    /* milliseconds without a byte; 0 = none */
	unsigned total_timeout;   /* milliseconds; 0 = none */

	/* The head of a 2xx answer is in: the body may take its time. May be NULL. */
	void (*begun)(void *context);
	/* Takes the body of a 2xx answer piece by piece; NULL: it is collected. Below 0: breaks the
	 * call off, and done() gets that code with the text in err. */
	int (*received)(void *context, const char *data, size_t length, struct error *err);
	/* Once, unless the call is cancelled. The call is no more when it runs. */
	void (*done)(void *context, const struct http_answer *answer);
	void *context;
};

/* The loop outlives it. */
int http_open(uv_loop_t *loop, struct http **ret, struct error *err);
/* Cancels what is under way; the memory goes when the loop has run once more. Accepts NULL. */
void http_close(struct http *http);

/* done() never runs before it returns. -EINVAL, -ENOMEM. */
int http_start(struct http *http, const struct http_request *request, struct http_call **ret,
               struct error *err);
void http_cancel(struct http_call *call); /* accepts NULL; no callback runs any more */

#endif
