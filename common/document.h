/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DOCUMENT_H
#define PODSG_DOCUMENT_H

/*
 * A document is one file of a source: what aws, kubectl or a person wrote, recognised by its
 * content, checked, and reduced to objects. It is good or refused as a whole.
 */

#include "common/arena.h"
#include "common/error.h"
#include "common/json_pick.h"
#include "common/objects.h"

#define DOCUMENT_SIZE_MAX (64U << 20) /* bytes of text */
#define DOCUMENT_WARNINGS_MAX 32

struct attachment;

struct document {
	struct arena *arena; /* owns everything below */
	const char *name;    /* the file's path, or what a live source calls it */
	struct security_group *groups;
	size_t group_count;
	struct network_interface *interfaces;
	size_t interface_count;
	struct prefix_list *prefix_lists;
	size_t prefix_list_count;
	struct pod *pods;
	size_t pod_count;
	struct service_account *service_accounts;
	size_t service_account_count;
	struct security_group_policy *policies;
	size_t policy_count;
	struct node *nodes;
	size_t node_count;
	struct cninode *cninodes;
	size_t cninode_count;
	struct cluster_dns *cluster_dns;
	size_t cluster_dns_count;
	struct instance *instances; /* at most one is ever in a document */
	size_t instance_count;
	struct attachment *attachments; /* common/journal.h; the journal's source makes them */
	size_t attachment_count;
	const char **warnings; /* whole sentences with file and line */
	size_t warning_count;  /* those beyond the maximum are counted but not kept */
};

enum document_format { DOCUMENT_JSON, DOCUMENT_YAML };

/* What is read of a Kubernetes object. */
extern const struct json_pick document_object[];

/* By the ending of the name: .json, .yaml, .yml; -EINVAL for anything else. */
int document_format_of(const char *name, enum document_format *ret);

/*
 * Errors: -EFBIG too large, -EBADMSG not JSON or YAML, -EINVAL an item breaks a rule, -EEXIST an
 * id twice, -ENOMEM, or what open and read say. The text has file, line, item, value and rule.
 */
int document_load(const char *path, struct document **ret, struct error *err);
int document_parse(const char *name, enum document_format format, const char *text, size_t length,
                   struct document **ret, struct error *err);
/*
 * One Kubernetes object in JSON. An element of a PodList does not say what it is: what the text
 * leaves out is as given. A Pod costs little more than one pass over its text.
 */
int document_parse_object(const char *name, const char *api_version, const char *kind,
                          const char *text, size_t length, struct document **ret,
                          struct error *err);

/* An empty one, for a source that makes the objects itself, in the arena. NULL: no memory. */
struct document *document_new(const char *name);
void document_free(struct document *document); /* accepts NULL */

#endif
