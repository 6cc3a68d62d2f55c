/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_AWS_CREDENTIALS_H
#define PODSG_AWS_CREDENTIALS_H

/*
 * Keys to sign with, in the order of the AWS tools: the environment, the profile in the shared
 * files, the instance's role. Those of containers and of web identities belong into pods and are
 * not looked for.
 */

#include <stdint.h>

#include "common/aws_imds.h"
#include "common/error.h"

#define AWS_KEY_MAX 256
#define AWS_SESSION_TOKEN_MAX 8192
#define AWS_REGION_MAX 64

/* Printable and without blanks, each with its NUL. */
struct aws_keys {
	char access_key[AWS_KEY_MAX];
	char secret_key[AWS_KEY_MAX];
	char session_token[AWS_SESSION_TOKEN_MAX]; /* "" = none */
	int64_t expires;                           /* seconds since 1970; 0 = never */
	char origin[AWS_KEY_MAX];                  /* where they are from, for people */
};

struct aws_credentials;

/* ready: a fetch that aws_credentials_find() started is over; failure NULL: find them now. The imds
 * outlives it. */
int aws_credentials_open(struct imds *imds,
                         void (*ready)(void *context, const struct error *failure), void *context,
                         struct aws_credentials **ret, struct error *err);
void aws_credentials_close(struct aws_credentials *credentials); /* accepts NULL */

/*
 * *ret is valid until the next call. Environment and files are read anew each time; the role's
 * keys are kept, and fetched again in the background before they expire. -EINPROGRESS: ready()
 * will say more. -ENOKEY: there are none anywhere; others: where they should be is something wrong.
 */
int aws_credentials_find(struct aws_credentials *credentials, const struct aws_keys **ret,
                         struct error *err);
/* AWS refused them: those that are kept are not used any more. */
void aws_credentials_reject(struct aws_credentials *credentials);

/* What IMDS says of a role: keys as JSON. For aws_credentials.c and who feeds it garbage. */
int aws_keys_parse(const char *text, struct aws_keys *ret, struct error *err);

/* Of the environment, or of the profile. -ENOENT: neither says; the instance may. */
int aws_region_find(char ret[static AWS_REGION_MAX], struct error *err);
bool aws_region_is_valid(const char *region);

#endif
