/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBE_MESSAGE_H
#define PODSG_KUBE_MESSAGE_H

/*
 * What a Kubernetes API server sends: pages of a list, the lines of a watch, Status objects. Text
 * goes in, slices of it come out; nothing is kept. Errors are -EBADMSG; `what` stands in front of
 * their text, unless it is NULL.
 */

#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KUBE_NAME_SIZE 254
#define KUBE_NAMESPACE_SIZE 64
#define KUBE_VERSION_SIZE 64
#define KUBE_CONTINUE_SIZE 4096
#define KUBE_STATUS_MAX (64U << 10) /* bytes of a Status that is read */

enum kube_change { KUBE_LISTED, KUBE_ADDED, KUBE_MODIFIED, KUBE_DELETED };

/* Lives as long as the callback that gets it. */
struct kube_object {
	enum kube_change change;
	char namespace[KUBE_NAMESPACE_SIZE]; /* "": not namespaced */
	char name[KUBE_NAME_SIZE];
	char version[KUBE_VERSION_SIZE]; /* metadata.resourceVersion; "" = not said */
	struct json_slice text;          /* a JSON object; a listed one may lack its kind */
	/* Of all that is read of an object, but for what it is called: those of one name and of the
	 * same digest say the same. Differs from process to process. */
	uint64_t digest;
};

struct kube_page {
	char version[KUBE_VERSION_SIZE]; /* of the list: a watch goes on from there */
	char next[KUBE_CONTINUE_SIZE];   /* the token of the next page; "" = this is the last */
	struct json_slice items;
};

struct kube_status {
	int code; /* as in HTTP; 0 = not said */
	char reason[64];
	char message[256];
};

/* Looks at the whole page, so that a page is good or refused as a whole. kind: of the objects. */
int kube_page_read(const char *what, const char *kind, const char *text, size_t length,
                   struct kube_page *ret, struct error *err);

/* Objects of a page until take() answers below 0. An object without a name is an error. */
int kube_page_objects(const char *what, const char *kind, const struct kube_page *page,
                      int (*take)(void *context, const struct kube_object *object), void *context,
                      struct error *err);

struct kube_deletion {
	bool asked;   /* the object goes as soon as it may */
	bool at_once; /* with a grace period of 0 */
};

/* What the metadata say of it. */
struct kube_deletion kube_object_deletion(const struct kube_object *object);

enum kube_event_type { KUBE_EVENT_OBJECT, KUBE_EVENT_BOOKMARK, KUBE_EVENT_ERROR };

struct kube_event {
	enum kube_event_type type;
	struct kube_object object; /* of a bookmark: only its version */
	struct kube_status status; /* of an error */
};

int kube_event_read(const char *what, const char *kind, const char *line, size_t length,
                    struct kube_event *ret, struct error *err);

/* False, and an empty one: it is no Status. */
bool kube_status_read(const char *text, size_t length, struct kube_status *ret);

/* The value of a query's parameter. size: 3 * strlen(text) + 1 is enough, always; else it is cut.
 */
void kube_escape(const char *text, char *ret, size_t size);

#endif
