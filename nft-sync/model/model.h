/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_MODEL_H
#define PODSG_MODEL_H

/*
 * The good documents of all sources, by name, and what they say together. Where two documents hold
 * an object of the same id, the one whose name sorts last wins, and a problem says so.
 *
 * What a look-up returns lives until the document that holds it is replaced or removed.
 */

#include "common/document.h"
#include "common/error.h"
#include "common/objects.h"
#include "nft-sync/model/members.h"

#define MODEL_DOCUMENTS_MAX 65536

struct model;

struct model *model_new(void);
void model_free(struct model *model); /* accepts NULL */

/*
 * Takes the document and replaces the one of the same name. -ENOSPC beyond the maximum, -ENOMEM:
 * then the document is freed and the model is as it was.
 */
int model_put(struct model *model, struct document *document, struct error *err);

/* -ENOENT: there is none. -ENOMEM: it is still there. */
int model_remove(struct model *model, const char *name, struct error *err);

size_t model_document_count(const struct model *model);
const struct document *model_document(const struct model *model, size_t i); /* sorted by name */

/* Rises with every change of what the model holds. */
uint64_t model_generation(const struct model *model);
/* Likewise, pods of other nodes that a live source put left out. */
uint64_t model_documents_generation(const struct model *model);

/* NULL = not known. */
const struct security_group *model_group(const struct model *model, const char *id);
const struct network_interface *model_interface(const struct model *model, const char *id);
const struct network_interface *model_interface_at(const struct model *model,
                                                   const struct prefix *address);
const struct service_account *model_service_account(const struct model *model,
                                                    const char *namespace, const char *name);
const struct pod *model_pod(const struct model *model, const char *namespace, const char *name);
const struct node *model_node(const struct model *model, const char *name);
const struct instance *model_instance(const struct model *model); /* that this node is */
const struct attachment *model_attachment(const struct model *model, const char *sandbox,
                                          const char *ifname);

/* The list with its entries; NULL also where only its name is known. */
const struct prefix_list *model_prefix_list(const struct model *model, const char *id);
const char *model_prefix_list_name(const struct model *model, const char *id); /* "" = none */

/* What the rules of a group refer to: ids, sorted, each once. NULL for an unknown group. */
struct group_peers {
	const char **groups;
	size_t group_count;
	const char **prefix_lists;
	size_t prefix_list_count;
};
const struct group_peers *model_group_peers(const struct model *model, const char *id);

/* Sorted by namespace and name, or by name. Valid until the model changes. -ENOMEM. */
int model_cluster_dns(struct model *model, const struct cluster_dns *const **ret, size_t *count);
int model_pods(struct model *model, const struct pod *const **ret, size_t *count);
int model_policies(struct model *model, const struct security_group_policy *const **ret,
                   size_t *count);
/* The newest first. */
int model_attachments(struct model *model, const struct attachment *const **ret, size_t *count);

/* Rises when a pod, a policy, a service account or a network interface of a document may have
 * changed: the groups of pods depend on nothing else. */
uint64_t model_pods_generation(const struct model *model);

/* Rises when a security group or a prefix list may have changed. */
uint64_t model_rules_generation(const struct model *model);

/*
 * Pods of other nodes, from a live source: of them only what makes them members of groups is kept.
 * document_parse_object() reads them cheaply. They are in no document, and no listing of pods has
 * them. What is put replaces the pod of the same name, of which nothing is referred to. A pod that
 * is in a document, too, is what the live source says.
 *
 * -ENOSPC beyond REMOTE_PODS_MAX, -ENOMEM: then all is as it was.
 */
#define REMOTE_PODS_MAX 500000
int model_put_remote_pod(struct model *model, const struct pod *pod, uint64_t digest,
                         struct error *err);
/* Whether it was put with this digest, which is not 0: then that counts as put again. So nobody
 * need read the text of a pod in which nothing has changed. */
bool model_same_remote_pod(struct model *model, const char *namespace, const char *name,
                           uint64_t digest);
void model_remove_remote_pod(struct model *model, const char *namespace, const char *name);
size_t model_remote_count(const struct model *model);
bool model_remote_has(const struct model *model, const char *namespace, const char *name);

/* A new list of all of them begins; when it is complete, those that were not put since then go. A
 * list that breaks off is not swept, and the next one begins anew. */
void model_remote_begin(struct model *model);
void model_remote_sweep(struct model *model);

/* Makes the members of groups what these pods are by now; costs what has changed. -ENOMEM. */
int model_remote_apply(struct model *model, bool enforce_without_eni);

/* Who belongs to which group, network interfaces already included. */
struct members *model_members(struct model *model);

/* One sentence for each object that is in more than one document. */
void model_duplicates(const struct model *model, void (*say)(void *context, const char *sentence),
                      void *context);

/* What judge() looks things up with; context is the model. */
const struct security_group *model_judge_group(void *model, const char *id);
const struct prefix_list *model_judge_prefix_list(void *model, const char *id);

#endif
