/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_AWS_QUERY_H
#define PODSG_AWS_QUERY_H

/* One call of an AWS Query API: a form, signed and posted; XML comes back, or an error with AWS's
 * own code. */

#include "common/aws_credentials.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/http.h"

#define AWS_CODE_MAX 64
#define AWS_FORM_MAX (1U << 20) /* bytes */

/* "Action=…&Version=…&…", every value encoded. */
void aws_form_begin(struct buffer *form, const char *action, const char *version);
void aws_form_add(struct buffer *form, const char *name, const char *value);
/* "name.i": for lists, counted from 1. */
void aws_form_add_nth(struct buffer *form, const char *name, size_t i, const char *value);

/* What is to be done about an answer. */
enum aws_outcome {
	AWS_OK,
	AWS_AGAIN,     /* throttled, or their trouble, or the way's: later */
	AWS_REJECTED,  /* the keys are no good any more: with other ones */
	AWS_NOT_FOUND, /* what was asked for does not exist */
	AWS_REFUSED,   /* asking again will not help */
};

/* Lives as long as the callback runs. */
struct aws_answer {
	enum aws_outcome outcome;
	char code[AWS_CODE_MAX]; /* "InvalidGroup.NotFound"; "" = AWS did not say */
	unsigned retry_after;    /* seconds; 0 = not said */
	struct error error;      /* code 0: AWS_OK */
};

/* Copied when the call starts, but for the context. */
struct aws_query {
	const char *endpoint; /* URL */
	const char *region;
	const char *service;
	const char *action; /* for errors */
	const struct aws_keys *keys;
	const struct buffer *form;
	/* Takes the XML of a good answer piece by piece, as http_request's does. */
	int (*received)(void *context, const char *data, size_t length, struct error *err);
	/* Once, unless the call is cancelled, and never before aws_query_start() returns. */
	void (*done)(void *context, const struct aws_answer *answer);
	void *context;
};

struct aws_call;

int aws_query_start(struct http *http, const struct aws_query *query, struct aws_call **ret,
                    struct error *err);
void aws_query_cancel(struct aws_call *call); /* accepts NULL */

/* What an answer that is no 2xx says: code and message, "" where it says nothing. */
#define AWS_MESSAGE_MAX 256
void aws_complaint_parse(const char *text, size_t length, char code[static AWS_CODE_MAX],
                         char message[static AWS_MESSAGE_MAX]);
enum aws_outcome aws_outcome_of(int status, const char *code);
/* IAM does not permit it. */
bool aws_is_denied(const char *code);

/* For those who ask AWS in other ways. */

/* The first text that comes; what is not printable becomes a question mark. */
void aws_note(char *into, size_t size, const char *text);

/* Who asks for what, for errors. */
struct aws_asking {
	char service[AWS_CODE_MAX];
	char action[AWS_CODE_MAX];
	char origin[AWS_KEY_MAX]; /* of the keys */
};

struct aws_asking aws_asking_of(const char *service, const char *action,
                                const struct aws_keys *keys);
/* It points to the arguments. */
struct http_signature aws_signature_of(const struct aws_keys *keys, const char *region,
                                       const char *service);
/* Outcome and error of an answer that is no 2xx, whose code is known. */
void aws_answer_complain(const struct aws_asking *asking, int status, const char *message,
                         struct aws_answer *answer);

#endif
