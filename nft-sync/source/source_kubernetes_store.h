/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SOURCE_KUBERNETES_STORE_H
#define PODSG_SOURCE_KUBERNETES_STORE_H

/*
 * The objects of one Kubernetes resource as documents of the model, one each: "kubernetes/pods/
 * NAMESPACE/NAME". An object that cannot be understood is refused alone, and logged; its last good
 * version stays.
 */

#include "common/kube_message.h"
#include "nft-sync/model/model.h"

#include <stdbool.h>
#include <stddef.h>

struct object_store;

/* directory: "pods"; kind: "Pod". What the model holds under these names is taken over, as what an
 * earlier list said. Both strings and the model outlive it. NULL: no memory. */
struct object_store *object_store_new(struct model *model, const char *directory, const char *kind);
/* What is in the model stays there. Accepts NULL. */
void object_store_free(struct object_store *store);

/* Each returns whether the model says something else now. */
bool object_store_put(struct object_store *store, const struct kube_object *object,
                      const char *api_version);
bool object_store_remove(struct object_store *store, const struct kube_object *object);
/* Those that were not put since the list began. */
void object_store_begin(struct object_store *store);
bool object_store_sweep(struct object_store *store);

/* What was known of an object before: NULL if it was not known or never understood. Lives until it
 * is put or removed. */
const struct document *object_store_document(const struct object_store *store,
                                             const struct kube_object *object,
                                             struct kube_deletion *deletion);

size_t object_store_count(const struct object_store *store);
/* A sentence of those that are refused; "" = none is. */
void object_store_complaint(const struct object_store *store, char *ret, size_t size);

#endif
