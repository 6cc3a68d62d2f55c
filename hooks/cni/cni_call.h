/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CNI_CALL_H
#define PODSG_CNI_CALL_H

/* What a runtime says when it runs the plugin: variables of the environment, and the plugin's entry
 * of the conflist on standard input, completed by the runtime. */

#include "common/json.h"
#include "hooks/cni/cni_failure.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define CNI_INPUT_MAX (1U << 20) /* bytes */
#define CNI_VERSION_LATEST "1.1.0"

extern const char *const cni_versions[]; /* that are understood; behind the last one NULL */

/* Pointers are never NULL; "" = not set. */
struct cni_call {
	const char *command;
	const char *sandbox; /* CNI_CONTAINERID */
	const char *netns;   /* may be of a sandbox that is gone */
	const char *ifname;
	/* Of CNI_ARGS. */
	char namespace[64];
	char pod[254];
	char uid[64];
	const char *unusable; /* the first argument that no name in Kubernetes can be */
	/* Of the text, where slices point to; a slice without text is not there. */
	char version[16];
	char config[PATH_MAX];      /* another podsg.yaml */
	bool config_refused;        /* it is no path */
	struct json_slice previous; /* prevResult */
	struct json_slice valid;    /* the attachments that GC has to leave alone */
};

/* The variables live as long as the environment does. */
void cni_call_environment(struct cni_call *call);
/* What the command needs and nobody has set; where it is not DEL, what cannot be used as well. */
enum cni_code cni_call_check(const struct cni_call *call, struct cni_failure *failure);
/* Fills what the text says, also where the version is one that is not understood. */
enum cni_code cni_call_parse(struct cni_call *call, const char *text, size_t length,
                             struct cni_failure *failure);

#endif
