/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SOURCE_KUBERNETES_REMOTE_H
#define PODSG_SOURCE_KUBERNETES_REMOTE_H

/* Pods of other nodes, a hundred thousand and more: the model keeps them itself, and of most of
 * what is said of them nothing is read. */

#include "common/kube_message.h"
#include "nft-sync/model/model.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the model says something else now. A pod that cannot be understood is refused alone, and
 * logged, and complaint says why; its last good version stays. */
bool remote_pod_take(struct model *model, const struct kube_object *object, const char *api_version,
                     char *complaint, size_t size);

#endif
