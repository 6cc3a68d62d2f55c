/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBE_CREDENTIAL_H
#define PODSG_KUBE_CREDENTIAL_H

/* The ExecCredential that goes to a plugin and the one that comes back. Texts in, texts out. */

#include <stdint.h>

#include "common/kube_config.h"

/* A token, a certificate with its key, or both; the others are NULL. */
struct kube_credential {
	char *token;
	char *certificate_pem;
	char *key_pem;
	int64_t expires; /* seconds since 1970; 0 = it does not say */
};

/* What a plugin finds in KUBERNETES_EXEC_INFO, for the caller to free. The certificate authority
 * is read where the plugin wants the cluster. */
int kube_exec_info(const struct kube_config *config, char **ret, struct error *err);

/* api_version: what the kubeconfig asks for. */
int kube_credential_parse(const char *text, size_t length, const char *api_version,
                          struct kube_credential *ret, struct error *err);
void kube_credential_done(struct kube_credential *credential);

#endif
