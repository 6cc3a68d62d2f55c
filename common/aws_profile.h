/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_AWS_PROFILE_H
#define PODSG_AWS_PROFILE_H

/* The files that the AWS CLI keeps its profiles in: ~/.aws/credentials and ~/.aws/config, or where
 * AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE say. */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

#define AWS_PROFILE_VALUE_MAX 8192 /* bytes; session tokens are the longest */

enum aws_file { AWS_FILE_CREDENTIALS, AWS_FILE_CONFIG };

const char *aws_environment(const char *name); /* NULL where it is not set, or empty */

/* The chosen profile, in whichever of its files. */
struct aws_profile {
	const char *name;
	bool chosen;    /* by AWS_PROFILE; else it is "default" */
	bool found;     /* some file has its section */
	char *texts[2]; /* of the files, by enum aws_file; "" where there is none */
	char paths[2][PATH_MAX];
};

/* Reads the files anew. A file that is not there is empty; another failure is one. */
int aws_profile_open(struct aws_profile *ret, struct error *err);
void aws_profile_done(struct aws_profile *profile);
/* *file: where it was found. -ENOENT: nowhere; -EFBIG: longer than a value may be. */
int aws_profile_value(const struct aws_profile *profile, const char *key,
                      char ret[static AWS_PROFILE_VALUE_MAX], enum aws_file *file);

#endif
