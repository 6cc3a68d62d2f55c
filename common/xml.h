/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_XML_H
#define PODSG_XML_H

/*
 * XML piece by piece, by expat, with limits: no document type and so no entities, bounded depth,
 * size and text. Attributes and name spaces are passed over: AWS says nothing in them.
 */

#include <stddef.h>

#include "common/error.h"

#define XML_SIZE_MAX (32U << 20) /* bytes of a document */
#define XML_TOKEN_MAX                                                                              \
	(64U << 10) /* bytes of a tag or a comment: expat looks at it from its beginning           \
	               with every piece */
#define XML_DEPTH_MAX 32
#define XML_TEXT_MAX 4096 /* bytes of text that an element is shown with */

struct xml;

/* A callback that returns below 0 ends the reading; it says why in err. */
struct xml_handler {
	int (*start)(void *context, const char *name, struct error *err);
	/* text: of an element that has none inside it, "" for others; NULL: it is too long. */
	int (*end)(void *context, const char *name, const char *text, struct error *err);
	void *context;
};

/* name: what errors call the document; copied. The handler is copied, too. -ENOMEM. */
int xml_open(const char *name, const struct xml_handler *handler, struct xml **ret,
             struct error *err);
/* Errors are sticky. -EBADMSG: not well-formed; -EFBIG: a limit; or what a callback said. */
int xml_feed(struct xml *xml, const char *data, size_t length, struct error *err);
int xml_finish(struct xml *xml, struct error *err); /* the document must be whole */
void xml_close(struct xml *xml);                    /* accepts NULL */

#endif
