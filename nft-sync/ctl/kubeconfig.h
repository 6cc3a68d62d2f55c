/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBECONFIG_H
#define PODSG_KUBECONFIG_H

/* podsgctl kubeconfig: how the daemon reaches the API server, as a file. */

#include "common/buffer.h"
#include "common/error.h"

struct kubeconfig_options {
	const char *server;     /* URL */
	const char *token_file; /* of the service account */
	const char *ca_file;    /* that the server's certificate is checked by */
	const char *output;     /* NULL: standard output */
};

/*
 * The text, once both files have been looked at. They are referred to by absolute paths and not
 * copied: a bound token expires, and whoever puts a new one into its file, or a new authority
 * beside the old one, need not know of the kubeconfig. The token is in one file only, too.
 * What our own reader would refuse is refused: -EINVAL.
 */
int kubeconfig_text(const struct kubeconfig_options *options, struct buffer *ret,
                    struct error *err);

/* Writes it, readable by its owner only, whole or not at all. */
int kubeconfig_run(const struct kubeconfig_options *options, struct error *err);

#endif
