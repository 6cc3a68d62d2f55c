/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBE_TOKEN_H
#define PODSG_KUBE_TOKEN_H

/* A token in a file that somebody else writes anew from time to time: kubelet by swapping a
 * symbolic link. */

#include <stdbool.h>

#include "common/error.h"
#include "common/file_identity.h"

struct kube_token {
	const char *path;
	char *text; /* what was read last */
	struct file_identity seen;
};

/* Reads the file where it is another one than before, or in any case.
 * A file that cannot be read leaves the token of before, if there is one. */
int kube_token_refresh(struct kube_token *token, bool anew, struct error *err);
void kube_token_done(struct kube_token *token);

#endif
