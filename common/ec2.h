/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_EC2_H
#define PODSG_EC2_H

/*
 * EC2's Query API on an event loop: a describe reads all pages of one question, finds region and
 * keys for it, tries again where EC2 asks for patience, and once more with new keys where it
 * refuses the old.
 */

#include <uv.h>

#include "common/aws_imds.h"
#include "common/aws_query.h"
#include "common/ec2_xml.h"
#include "common/error.h"

#define EC2_IDS_MAX 200 /* values of a filter, by EC2's rule */
#define EC2_FILTER_VALUES_MAX 8

struct ec2;
struct ec2_describe;

/* region and endpoint: "" = to be found, see common/aws_credentials.h. http and imds outlive it. */
int ec2_open(uv_loop_t *loop, struct http *http, struct imds *imds, const char *region,
             const char *endpoint, struct ec2 **ret, struct error *err);
/* Its describes are cancelled before. Accepts NULL. */
void ec2_close(struct ec2 *ec2);
const char *ec2_region(const struct ec2 *ec2); /* "" = not known yet */

/* "https://SERVICE.REGION.amazonaws.com/", in the region's part of AWS. */
#define EC2_ENDPOINT_MAX 512
void aws_endpoint(const char *service, const char *region, char ret[static EC2_ENDPOINT_MAX]);

/* How ids are asked for: by a filter, which passes over those that do not exist, or by name, where
 * one that does not exist fails the call. */
enum ec2_question {
	EC2_BY_FILTER,    /* "group-id" */
	EC2_BY_GROUP,     /* GroupId.1 … */
	EC2_BY_LIST,      /* PrefixListId: one id */
	EC2_BY_INTERFACE, /* NetworkInterfaceId.1 … */
	EC2_BY_TYPE,      /* a filter: "instance-type" */
	EC2_BY_VPC,       /* VpcId: one id */
	/* What is to be deleted: one id. Done twice it is AWS_NOT_FOUND. */
	EC2_THE_INTERFACE,
	EC2_THE_GROUP,
};

/*
 * Adds all that EC2 has to items, whose kind says what is asked. done() runs once, unless it is
 * cancelled, and never before this returns; the describe is no more then, and unless the outcome
 * is AWS_OK the items are of no use. items outlives it.
 */
int ec2_describe_start(struct ec2 *ec2, struct ec2_items *items, enum ec2_question question,
                       const char *const *ids, size_t id_count,
                       void (*done)(void *context, const struct aws_answer *answer), void *context,
                       struct ec2_describe **ret, struct error *err);
/* An item has to match every filter, by one of its values; EC2 reads '*' and '?' in them. Name
 * NULL behind the last one. */
struct ec2_filter {
	const char *name;
	const char *values[EC2_FILTER_VALUES_MAX]; /* NULL behind the last */
};

/* Likewise, of all items that the filters let through. The filters are copied. */
int ec2_list_start(struct ec2 *ec2, struct ec2_items *items, const struct ec2_filter *filters,
                   void (*done)(void *context, const struct aws_answer *answer), void *context,
                   struct ec2_describe **ret, struct error *err);
/* The memory goes when the loop has run once more. Accepts NULL. */
void ec2_describe_cancel(struct ec2_describe *describe);

#endif
