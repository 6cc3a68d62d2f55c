/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_LOADER_H
#define PODSG_LOADER_H

/*
 * What the loaders of the kinds share: a document while it is made. Errors are sticky: after the
 * first one every read answers "absent", and the caller looks at loader_failed() once.
 */

#include <stdbool.h>

#include "common/document.h"
#include "common/intern.h"
#include "common/items.h"
#include "common/vector.h"

#define DOCUMENT_MEMORY_MAX (32U << 20) /* of the arena */
#define NAME_MAX_LENGTH 255
#define STRING_MAX_LENGTH 1024
#define UNKNOWN_KINDS_MAX 16

struct loader;

/* A top-level list of a document. */
struct loader_list {
	const char *name; /* NULL behind the last */
	void (*load_element)(struct loader *loader, const struct field *element);
	void (*load_document)(struct loader *loader, const struct field *document); /* or NULL */
};

/* A member that tells a document which is neither a list nor a Kubernetes object. */
struct loader_part {
	const char *name; /* NULL behind the last */
	void (*load)(struct loader *loader, const struct field *document);
};

/* Recognised by kind and API group. */
struct loader_kind {
	const char *kind; /* NULL behind the last */
	const char *group;
	void (*load)(struct loader *loader, const struct field *object); /* NULL: not needed */
};

/* What a reader of documents looks for in them. */
struct loader_reading {
	const struct json_pick *picked_lists; /* the names of lists, and what is read of them */
	const struct json_pick *picked_object;
	const struct loader_list *lists;
	const struct loader_part *parts; /* NULL: there are none */
	const struct loader_kind *kinds;
	bool quiet; /* what it does not know is not warned of */
};

struct loader {
	struct document *document;
	struct intern *intern;
	struct error error;
	const struct loader_reading *reading;
	const struct item *item;
	const struct loader_kind *kind_loaded; /* of the Kubernetes object at hand */
	const char *api_version;               /* of an object that does not say; NULL: it has to */
	const char *kind;
	struct vector groups;
	struct vector interfaces;
	struct vector prefix_lists;
	struct vector pods;
	struct vector service_accounts;
	struct vector policies;
	struct vector nodes;
	struct vector cninodes;
	struct vector cluster_dns;
	struct vector entries; /* struct prefix: of the document's own list "Entries" */
	/* Parts of the object at hand, empty between objects. */
	struct vector rules;
	struct vector names;
	struct vector prefixes;
	struct vector labels;
	struct vector requirements;
	const char *unknown_kinds[UNKNOWN_KINDS_MAX]; /* each is warned of once */
	size_t unknown_kind_count;
};

enum presence { OPTIONAL, REQUIRED };

/* What a document may define only once under one name. */
enum definition {
	DEFINES_GROUP,
	DEFINES_INTERFACE,
	DEFINES_PREFIX_LIST,
	DEFINES_PREFIX_LIST_ENTRIES,
	DEFINES_POD,
	DEFINES_SERVICE_ACCOUNT,
	DEFINES_POLICY,
	DEFINES_NODE,
	DEFINES_CNINODE,
	DEFINES_SERVICE,
	DEFINES_ENDPOINT_SLICE,
	DEFINES_NOTHING, /* it may be there twice */
};

/* Which become objects of a document. */
extern const struct loader_kind kubernetes_kinds[];

/* Makes an empty document of that name. -ENOMEM: there is nothing to close. */
int loader_open(struct loader *loader, const char *name, struct error *err);
void loader_close(struct loader *loader); /* and the document, unless it was taken out */

/* -EBADMSG, -EFBIG, or what the loaders of its kinds refused. */
int loader_read(struct loader *loader, const struct loader_reading *reading,
                enum document_format format, const char *text, size_t length, struct error *err);
int loader_finish(const struct loader *loader, struct error *err); /* what failed, as a result */

bool loader_failed(const struct loader *loader);
void loader_refuse(struct loader *loader, int code, const struct field *field, const char *rule,
                   ...) __attribute__((format(printf, 4, 5)));
void loader_warn(struct loader *loader, const struct field *field, const char *rule, ...)
	__attribute__((format(printf, 3, 4)));
void loader_no_memory(struct loader *loader);

/* An object of this name, as read_name() has read it; its second definition is refused. */
void loader_define(struct loader *loader, enum definition kind, const char *outer, const char *name,
                   const struct field *field);

/* Pushes a zeroed item, or fails the loader and returns NULL. */
void *loader_push(struct loader *loader, struct vector *vector);
/* Moves a vector into the document's arena; ret_items is the address of a pointer. */
void loader_keep(struct loader *loader, struct vector *vector, void *ret_items, size_t *ret_count);

/* Kept for the document's life, each string once. A name is printable ASCII without spaces, as ids
 * and Kubernetes' names are; a string is UTF-8 without control characters. "" = absent. */
const char *read_name(struct loader *loader, const struct field *field, enum presence presence);
const char *read_string(struct loader *loader, const struct field *field, enum presence presence);

bool read_flag(struct loader *loader, const struct field *field, bool absent);
int read_integer(struct loader *loader, const struct field *field, int min, int max, int absent);
/* As the API server writes times, in UTC: seconds since 1970; 0: absent, or it failed. */
int64_t read_time(struct loader *loader, const struct field *field);

/* family AF_UNSPEC: either. False if it failed. Host bits are masked with a warning. */
bool read_prefix(struct loader *loader, const struct field *field, int family, struct prefix *ret);
bool read_address(struct loader *loader, const struct field *field, int family, struct prefix *ret);

/* Calls back for every element of a member that is an array or absent, until one fails. */
void read_elements(struct loader *loader, const struct field *parent, const char *key,
                   void (*read)(struct loader *loader, const struct field *element, void *context),
                   void *context);
/* For read_elements(): the element is a name, pushed to loader->names. */
void read_name_element(struct loader *loader, const struct field *element, void *context);

/* A member that is an object, or absent. */
struct field read_object(struct loader *loader, const struct field *parent, const char *key,
                         enum presence presence);

void load_security_group(struct loader *loader, const struct field *group);
void load_network_interface(struct loader *loader, const struct field *interface);
void load_prefix_list(struct loader *loader, const struct field *list);
void load_prefix_list_entry(struct loader *loader, const struct field *entry);
void load_prefix_list_entries(struct loader *loader, const struct field *document);

/* An element of a list, or a document that is no list; those of unknown kinds are skipped. */
void load_kubernetes(struct loader *loader, const struct field *object);
void load_pod(struct loader *loader, const struct field *pod);
void load_service_account(struct loader *loader, const struct field *account);
void load_node(struct loader *loader, const struct field *node);
void load_cninode(struct loader *loader, const struct field *cninode);
void load_policy(struct loader *loader, const struct field *policy);
void load_service(struct loader *loader, const struct field *service);
void load_endpoint_slice(struct loader *loader, const struct field *slice);
/* For read_elements(), of struct cluster_dns: a cluster's DNS may listen on other ports for its
 * endpoints than the Service does, but its names are the same; older ones have no names. The first
 * one counts; 0: none so far. */
void read_dns_port(struct loader *loader, const struct field *port, void *context);

struct object_name {
	const char *namespace; /* "default" where the document does not say, "" = not namespaced */
	const char *name;
};

/* Reads metadata and defines the object. */
struct object_name read_object_name(struct loader *loader, const struct field *object,
                                    bool namespaced, enum definition kind);
/* The value of a label, which may be empty, is pushed to loader->names. */
void read_label_value(struct loader *loader, const struct field *field);
/* metadata.labels */
struct labels read_labels(struct loader *loader, const struct field *object);
/* A LabelSelector; NULL: absent, or it failed. */
struct selector *read_selector(struct loader *loader, const struct field *parent, const char *key);
struct selector *read_selector_at(struct loader *loader, const struct field *field);
/* Likewise one that is a map of labels, as a Service's is. */
struct selector *read_equality_selector(struct loader *loader, const struct field *parent,
                                        const char *key);
/* Element 0 of the annotation; NULL if it failed. */
struct branch_eni *read_pod_eni(struct loader *loader, const struct field *annotation);

#endif
