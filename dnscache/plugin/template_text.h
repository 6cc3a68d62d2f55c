/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_TEMPLATE_TEXT_H
#define PODSG_DNS_TEMPLATE_TEXT_H

/*
 * The part of Go's templates that records are made with:
 *
 *	{{ .Name }} .Type .Class .Zone .Remote .Regex    {{ "text" }} and `text`    {{- trimmed -}}
 *	{{ .Group.name }}   {{ index .Group "name" }}   {{ index .Match 1 }}   a comment between
 *slashes
 *	{{ parseInt .Group.b 16 8 }}   {{ parseInt (index .Match 1) 16 8 }}
 *
 * All else is refused by its name.
 */

#include "common/buffer.h"
#include "dnscache/plugin/pattern.h"

struct template_values {
	const char *name; /* with the final dot, lower case; so is zone */
	const char *type;
	const char *class;
	const char *zone;
	const char *remote;
	const char *regex;             /* as written */
	const struct pattern *pattern; /* NULL: groups has the whole match alone */
	const struct pattern_groups *groups;
};

/* -EINVAL: what is not supported, or no template at all. */
int template_text_check(const char *text, struct error *err);

/* Adds to ret, which says itself when it was too small. -EBADMSG: the text refers to a group that
 * this match does not have, or makes a number of what is none. */
int template_text_expand(const char *text, const struct template_values *values, struct buffer *ret,
                         struct error *err);

#endif
