/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_EC2_GRAMMAR_H
#define PODSG_EC2_GRAMMAR_H

/* What is read of EC2's answers: which elements, and what the AWS CLI calls them. */

#include <stdbool.h>

#include "common/ec2_xml.h"

enum ec2_shape {
	EC2_TEXT,
	EC2_NUMBER,
	EC2_FLAG,
	EC2_LIST,   /* of elements "item" */
	EC2_OBJECT, /* of elements with names of their own */
	EC2_BARE,   /* the only thing read of an item: it stands for the item */
	EC2_TOKEN,  /* of the next page */
	EC2_WHOLE,  /* instead of items: the answer itself is the only one */
	EC2_DONE,   /* likewise: what was asked for was done */
};

/* An element inside another: what the CLI calls it and what it holds. */
struct ec2_member {
	const char *xml; /* NULL behind the last */
	const char *json;
	enum ec2_shape shape;
	const struct ec2_member *item; /* of an OBJECT, and of the items of a LIST */
	bool id;                       /* of the item of the page; it may have several parts */
};

struct ec2_grammar {
	const char *action;
	const char *root;
	struct ec2_member members[3]; /* the list of items, or what is there instead, comes first */
	const char *attribute; /* the parameter Attribute of the question; NULL: it has none */
};

extern const struct ec2_grammar ec2_grammars[]; /* by enum ec2_kind */

#endif
