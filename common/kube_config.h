/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBE_CONFIG_H
#define PODSG_KUBE_CONFIG_H

/* Where an API server is and how it knows us: the current context of a kubeconfig, or the service
 * account of the pod that this runs in. */

#include <stdbool.h>
#include <stddef.h>

#include "common/arena.h"
#include "common/error.h"

#define KUBE_CONFIG_SIZE_MAX (1U << 20)
#define KUBE_TOKEN_MAX (64U << 10)
#define KUBE_SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

/* A program that prints credentials. */
struct kube_plugin {
	const char *api_version;  /* "client.authentication.k8s.io/v1" or …/v1beta1 */
	const char *command;      /* with a '/' in it a path, else to be found in PATH */
	const char **arguments;   /* NULL behind the last, as of the next */
	const char **environment; /* "NAME=value" */
	const char *install_hint; /* NULL: none */
	bool wants_cluster;
};

/* NULL = not given, unless said otherwise. Paths are absolute if the kubeconfig's is. Owned by the
 * arena. */
struct kube_config {
	struct arena *arena;
	const char *file;   /* for errors */
	const char *server; /* URL without a '/' at its end; never NULL */
	const char *proxy;
	const char *ca_file;
	const char *ca_pem;
	const char *server_name;
	bool insecure;
	const char *extension; /* what the cluster tells plugins, as JSON */
	const char *user;      /* its name in the file, for errors; never NULL */
	const char *certificate_file;
	const char *certificate_pem;
	const char *key_file;
	const char *key_pem;
	const char *token;
	const char *token_file;
	const struct kube_plugin *plugin;
};

int kube_config_load(const char *path, struct kube_config **ret, struct error *err);
/* path is for errors, and what relative paths in the text start from. */
int kube_config_parse(const char *path, const char *text, size_t length, struct kube_config **ret,
                      struct error *err);
/* directory: KUBE_SERVICE_ACCOUNT; -ENOENT where this does not run in a pod. */
int kube_config_in_cluster(const char *directory, struct kube_config **ret, struct error *err);
void kube_config_free(struct kube_config *config); /* accepts NULL */

/* What may stand in a header behind "Bearer ". */
bool kube_token_is_valid(const char *token);

#endif
