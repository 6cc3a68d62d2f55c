/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_EC2_XML_H
#define PODSG_EC2_XML_H

/*
 * Answers of EC2's Query API, XML in pages, as the JSON that the AWS CLI makes of them and
 * document_parse() reads: one set of rules for both. Only what podsg reads is kept of an item.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"

#define EC2_ITEMS_SIZE_MAX (48U << 20) /* bytes of JSON of all pages together */

enum ec2_kind {
	EC2_SECURITY_GROUPS,
	EC2_NETWORK_INTERFACES,
	EC2_PREFIX_LIST_ENTRIES,
	/* Who uses what: owners, states and tags instead of addresses. */
	EC2_INTERFACE_USES,
	EC2_GROUP_USES,
	EC2_GROUP_VPCS, /* VPCs that a group is associated with beside its own */
	EC2_INSTANCES,  /* by reservation */
	/* What a whole VPC is judged by: addresses and rules, with owners, VPCs and tags. */
	EC2_OWNED_GROUPS,
	EC2_OWNED_INTERFACES,
	EC2_PREFIX_LISTS,
	EC2_WHOLE_ENTRIES, /* of a prefix list, as objects */
	EC2_SUBNETS,
	EC2_VPCS,
	EC2_ROUTE_TABLES,
	EC2_OWNED_GROUP_VPCS, /* of all groups */
	EC2_INSTANCE_TYPES,
	/* One answer, without pages. */
	EC2_VPC_DNS_SUPPORT,
	EC2_VPC_DNS_HOSTNAMES,
	/* Not descriptions: they have no items, and are good when EC2 says that it is done. */
	EC2_DELETE_INTERFACE,
	EC2_DELETE_GROUP,
};

const char *ec2_action(enum ec2_kind kind);    /* "DescribeSecurityGroups" */
const char *ec2_attribute(enum ec2_kind kind); /* what it asks of one thing; NULL: it does not */

/* The items of all pages, of one call or of several. */
struct ec2_items;

int ec2_items_new(enum ec2_kind kind, struct ec2_items **ret, struct error *err);
void ec2_items_free(struct ec2_items *items); /* accepts NULL */
enum ec2_kind ec2_items_kind(const struct ec2_items *items);

/* Of all items, however they came: sorted by id, each once, the last one said. */
void ec2_items_sort(struct ec2_items *items);
bool ec2_items_has(const struct ec2_items *items, const char *id); /* once sorted */
/* "[…]", a line an item; entries of a prefix list are strings, the rest objects. */
void ec2_items_write(const struct ec2_items *items, struct buffer *buffer); /* once sorted */

/* One page on its way into items; when it fails they are of no use any more. */
struct ec2_page;

int ec2_page_open(struct ec2_items *items, struct ec2_page **ret, struct error *err);
/* Errors are sticky. -EBADMSG: not this action's answer, or cut short; -EFBIG: a limit. */
int ec2_page_feed(struct ec2_page *page, const char *data, size_t length, struct error *err);
/* *token asks for the next page, "" = there is none; it lives as long as the page. */
int ec2_page_finish(struct ec2_page *page, const char **token, struct error *err);
void ec2_page_close(struct ec2_page *page); /* accepts NULL */

#endif
