/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_ENI_H
#define PODSG_GC_ENI_H

/*
 * What EC2 says of interfaces, groups and instances, reduced to who uses them. Plain data in the
 * arena of its list; strings are never NULL ("" = EC2 did not say).
 */

#include "common/arena.h"
#include "common/ec2_xml.h"
#include "common/error.h"
#include "common/objects.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GC_ID_MAX 31 /* characters; EC2's own have 21 at most */

struct gc_eni {
	const char *id;
	const char *status; /* "available", "in-use", … */
	const char *description;
	const char *type;      /* "interface", "trunk", "lambda", … */
	const char *requester; /* account or service that made it */
	bool requester_managed;
	bool attached;
	bool primary;         /* attached as an instance's first */
	const char *instance; /* attached to it */
	struct labels tags;   /* by key */
	const char **groups;
	size_t group_count;
	uint64_t fingerprint; /* of all that somebody who begins to use it would change */
};

struct gc_enis {
	struct arena *arena;
	struct gc_eni *items; /* by id */
	size_t count;
};

struct gc_group {
	const char *id;
	const char *name;
	const char *vpc;
	struct labels tags; /* by key */
	uint64_t fingerprint;
};

struct gc_groups {
	struct arena *arena;
	struct gc_group *items; /* by id */
	size_t count;
};

struct gc_instance {
	const char *id;
	const char *state; /* "running", … */
};

struct gc_instances {
	struct arena *arena;
	struct gc_instance *items;
	size_t count;
};

/*
 * The items of EC2_INTERFACE_USES, EC2_GROUP_USES and EC2_INSTANCES, which are sorted by it.
 * -EBADMSG: an item without what it must have, so that the list cannot be relied upon.
 */
int gc_enis_read(struct ec2_items *items, struct gc_enis *ret, struct error *err);
int gc_groups_read(struct ec2_items *items, struct gc_groups *ret, struct error *err);
int gc_instances_read(struct ec2_items *items, struct gc_instances *ret, struct error *err);

#endif
