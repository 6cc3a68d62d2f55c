/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hooks/eni-gc/gc_eni_judge.h"
#include "hooks/eni-gc/gc_eni_listing.h"

#define CONTROL_PLANE_PREFIX "Amazon EKS " /* and the cluster's name: a description */
#define LISTINGS_MAX 3

/* The items of several lists together; each filter list ends with an empty filter. */
static int ask(struct gc_ec2 *ec2, enum ec2_kind kind, const struct ec2_filter *const *filters,
               struct ec2_items **ret, struct error *err)
{
	struct ec2_items *items = NULL;
	int r = ec2_items_new(kind, &items, err);
	for (size_t i = 0; r == 0 && i < LISTINGS_MAX && filters[i]; i++)
		r = gc_ec2_list(ec2, items, filters[i], err);
	if (r == 0)
		*ret = items;
	else
		ec2_items_free(items);
	return r;
}

static int ask_enis(struct gc_ec2 *ec2, const struct ec2_filter *const *filters,
                    struct gc_enis *ret, struct error *err)
{
	struct ec2_items *items = NULL;
	int r = ask(ec2, EC2_INTERFACE_USES, filters, &items, err);
	if (r == 0)
		r = gc_enis_read(items, ret, err);
	ec2_items_free(items);
	return r;
}

static int ask_groups(struct gc_ec2 *ec2, const struct ec2_filter *filters, struct gc_groups *ret,
                      struct error *err)
{
	struct ec2_items *items = NULL;
	const struct ec2_filter *const once[] = {filters, NULL};
	int r = ask(ec2, EC2_GROUP_USES, once, &items, err);
	if (r == 0)
		r = gc_groups_read(items, ret, err);
	ec2_items_free(items);
	return r;
}

static int ask_instances(struct gc_ec2 *ec2, const struct ec2_filter *filters,
                         struct gc_instances *ret, struct error *err)
{
	struct ec2_items *items = NULL;
	const struct ec2_filter *const once[] = {filters, NULL};
	int r = ask(ec2, EC2_INSTANCES, once, &items, err);
	if (r == 0)
		r = gc_instances_read(items, ret, err);
	ec2_items_free(items);
	return r;
}

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

static int add_candidate(struct gc_listing *listing, const struct gc_candidate *candidate,
                         struct error *err)
{
	struct gc_candidate *new = vector_push(&listing->candidates);
	if (!new)
		return no_memory(err);
	*new = *candidate;
	return 0;
}

static int add_finding(struct gc_listing *listing, const struct gc_finding *finding,
                       struct error *err)
{
	struct gc_finding *new = vector_push(&listing->findings);
	if (!new)
		return no_memory(err);
	*new = *finding;
	listing->lives = listing->lives || finding->action == GC_ENI_LIVES;
	return 0;
}

static int add_eni(struct gc_listing *listing, const struct gc_eni *eni, const char *doubt,
                   struct error *err)
{
	if (doubt[0])
		return add_finding(
			listing,
			&(struct gc_finding){
				.action = GC_ENI_KEPT, .id = eni->id, .eni = eni, .why = doubt},
			err);
	return add_candidate(
		listing,
		&(struct gc_candidate){.id = eni->id, .fingerprint = eni->fingerprint, .eni = eni},
		err);
}

static void listing_open(struct gc_listing *listing)
{
	*listing = (struct gc_listing){.candidates.item_size = sizeof(struct gc_candidate),
	                               .findings.item_size = sizeof(struct gc_finding)};
}

static int sort_branch(struct gc_listing *listing, const struct gc_eni_options *options,
                       const struct gc_eni *eni, struct error *err)
{
	const char *instance = gc_tag(&eni->tags, GC_INSTANCE_TAG);
	const char *doubt = gc_branch_doubt(eni);
	if (!gc_is_of_cluster(&eni->tags, options->subject) ||
	    (options->instance && (!instance || strcmp(instance, options->instance) != 0))) {
		listing->others++;
		return 0;
	}
	return add_eni(listing, eni, doubt[0] ? doubt : gc_eni_use(eni), err);
}

/* Clusters are told apart here: two tags name them, and EC2 knows no "or" of two filters. */
int gc_list_branches(struct gc_ec2 *ec2, const struct gc_eni_options *options,
                     struct gc_listing *ret, struct error *err)
{
	const struct ec2_filter filters[] = {
		{"description", {GC_BRANCH_DESCRIPTION}},
		{"status", {"available"}},
		{options->instance ? "tag:" GC_INSTANCE_TAG : NULL, {options->instance}},
		{NULL, {NULL}}};
	const struct ec2_filter *const once[] = {filters, NULL};
	listing_open(ret);
	int r = ask_enis(ec2, once, &ret->enis, err);
	for (size_t i = 0; r == 0 && i < ret->enis.count; i++)
		r = sort_branch(ret, options, &ret->enis.items[i], err);
	return r;
}

/* What a cluster's control plane has in the subnets is tagged in no way that is promised. */
static bool is_control_plane(const struct gc_eni *eni, const char *cluster)
{
	size_t prefix = strlen(CONTROL_PLANE_PREFIX);
	return strncmp(eni->description, CONTROL_PLANE_PREFIX, prefix) == 0 &&
	       strcmp(eni->description + prefix, cluster) == 0;
}

static int sort_leftover(struct gc_listing *listing, const char *cluster, const struct gc_eni *eni,
                         struct error *err)
{
	const char *use = gc_eni_use(eni);
	const char *doubt = gc_leftover_doubt(eni);
	bool in_use = eni->attached || strcmp(eni->status, "available") != 0;
	bool control_plane = is_control_plane(eni, cluster);
	if (in_use && (control_plane || gc_is_of_cluster(&eni->tags, cluster)))
		return add_finding(
			listing,
			&(struct gc_finding){
				.action = GC_ENI_LIVES, .id = eni->id, .eni = eni, .why = use},
			err);
	if (!control_plane && !gc_is_of_cluster(&eni->tags, cluster))
		doubt = "its tag says that the cluster does not own it";
	return add_eni(listing, eni, use[0] ? use : doubt, err);
}

static int sort_group(struct gc_listing *listing, const struct gc_eni_options *options,
                      const struct gc_group *group, struct error *err)
{
	bool owned = gc_is_of_cluster(&group->tags, options->subject);
	if (owned && options->delete_groups)
		return add_candidate(listing,
		                     &(struct gc_candidate){.id = group->id,
		                                            .fingerprint = group->fingerprint,
		                                            .group = group},
		                     err);
	const struct gc_finding finding = {
		.action = GC_ENI_FOUND,
		.id = group->id,
		.group = group,
		.advice =
			owned ? "--delete-groups deletes it, unless something refers to it" : NULL,
		.why = owned ? NULL : "its tag says that the cluster does not own it"};
	return add_finding(listing, &finding, err);
}

static int sort_instance(struct gc_listing *listing, const struct gc_instance *instance,
                         struct error *err)
{
	if (strcmp(instance->state, "terminated") == 0)
		return 0;
	const struct gc_finding finding = {.action = GC_ENI_LIVES,
	                                   .id = instance->id,
	                                   .what = "instance",
	                                   .why = instance->state};
	return add_finding(listing, &finding, err);
}

static int sort_leftovers(struct gc_listing *listing, const struct gc_eni_options *options,
                          struct error *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < listing->instances.count; i++)
		r = sort_instance(listing, &listing->instances.items[i], err);
	for (size_t i = 0; r == 0 && i < listing->enis.count; i++)
		r = sort_leftover(listing, options->subject, &listing->enis.items[i], err);
	for (size_t i = 0; r == 0 && i < listing->groups.count; i++)
		r = sort_group(listing, options, &listing->groups.items[i], err);
	return r;
}

int gc_list_leftovers(struct gc_ec2 *ec2, const struct gc_eni_options *options,
                      struct gc_listing *ret, struct error *err)
{
	char tag[GC_CLUSTER_TAG_SIZE];
	char description[sizeof(CONTROL_PLANE_PREFIX) + GC_CLUSTER_MAX];
	const struct ec2_filter tagged[] = {{"tag-key", {gc_cluster_tag(options->subject, tag)}},
	                                    {NULL, {NULL}}};
	const struct ec2_filter named[] = {{"tag:" GC_CLUSTER_NAME_TAG, {options->subject}},
	                                   {NULL, {NULL}}};
	const struct ec2_filter described[] = {{"description", {description}}, {NULL, {NULL}}};
	const struct ec2_filter *const enis[LISTINGS_MAX] = {tagged, named, described};
	snprintf(description, sizeof(description), "%s%s", CONTROL_PLANE_PREFIX, options->subject);
	listing_open(ret);
	int r = ask_enis(ec2, enis, &ret->enis, err);
	if (r == 0)
		r = ask_instances(ec2, tagged, &ret->instances, err);
	if (r == 0)
		r = ask_groups(ec2, tagged, &ret->groups, err);
	return r < 0 ? r : sort_leftovers(ret, options, err);
}

void gc_listing_done(struct gc_listing *listing)
{
	arena_free(listing->enis.arena);
	arena_free(listing->groups.arena);
	arena_free(listing->instances.arena);
	vector_done(&listing->candidates);
	vector_done(&listing->findings);
	*listing = (struct gc_listing){0};
}
