/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/buffer.h"
#include "nft-sync/digest.h"
#include "nft-sync/model/index.h"
#include "nft-sync/source/pod_events.h"

#define MESSAGE_MAX 1000 /* the API server takes 1024 bytes */
#define SAID_MAX 4096
#define SILENCE 3600000 /* milliseconds */

struct said {
	struct index_entry index; /* the first member; by digest */
	LIST_ENTRY(said) link;
	uint64_t digest;
	uint64_t until; /* on the loop's clock: not again before */
};

struct pod_events {
	uv_loop_t *loop;
	struct pod_event_queue *queue;
	struct index index;
	LIST_HEAD(said_list, said) said;
	size_t count;
	struct buffer message;
};

static void forget(struct pod_events *events, struct said *said)
{
	index_remove(&events->index, &said->index);
	LIST_REMOVE(said, link);
	events->count--;
	free(said);
}

static void forget_old(struct pod_events *events)
{
	struct said *next;

	for (struct said *said = LIST_FIRST(&events->said); said; said = next) {
		next = LIST_NEXT(said, link);
		if (said->until <= uv_now(events->loop))
			forget(events, said);
	}
}

static struct index_key key_of(const uint64_t *digest)
{
	return (struct index_key){.first = digest, .first_size = sizeof(*digest)};
}

/* Whether it was not said before, or not lately. */
static bool remember(struct pod_events *events, uint64_t digest)
{
	const struct index_key key = key_of(&digest);
	struct said *said = (struct said *)index_first(&events->index, &key);
	bool news = !said;

	if (!said && events->count < SAID_MAX && index_reserve(&events->index, 1) == 0)
		said = calloc(1, sizeof(*said));
	if (!said)
		return false;
	said->until = uv_now(events->loop) + SILENCE;
	if (!news)
		return false;
	said->digest = digest;
	said->index.key = key_of(&said->digest);
	index_insert(&events->index, &said->index);
	LIST_INSERT_HEAD(&events->said, said, link);
	events->count++;
	return true;
}

/* The message is what events->message holds. */
static void say(struct pod_events *events, struct pod_event event)
{
	event.message = events->message.text;
	if (events->message.failed || !event.uid[0])
		return;
	event.digest = digest_text(DIGEST_START, event.uid);
	event.digest = digest_text(event.digest, event.reason);
	event.digest = digest_text(event.digest, event.message);
	if (remember(events, event.digest))
		pod_event_queue_put(events->queue, &event);
}

static void say_of(struct pod_events *events, const struct branch *branch, bool warning,
                   const char *reason)
{
	say(events, (struct pod_event){.namespace = branch->namespace,
	                               .pod = branch->pod,
	                               .uid = branch->uid,
	                               .warning = warning,
	                               .reason = reason});
}

static struct buffer *new_message(struct pod_events *events)
{
	buffer_clear(&events->message);
	return &events->message;
}

static void say_enforced(struct pod_events *events, const struct branch *branch)
{
	struct buffer *message = new_message(events);

	buffer_add_text(message, "Security groups ");
	for (size_t i = 0; i < branch->group_count; i++)
		buffer_add_format(message, "%s%s", i > 0 ? ", " : "", branch->groups[i]);
	buffer_add_format(message, " are enforced on %s in %s mode", branch->interface,
	                  mode_name(branch->mode));
	say_of(events, branch, false, "SecurityGroupsEnforced");
}

static void say_missing(struct pod_events *events, const struct branch *branch, const char *group)
{
	buffer_add_format(new_message(events),
	                  "Security group %s is not known: it permits nothing, the others still "
	                  "apply",
	                  group);
	say_of(events, branch, true, "SecurityGroupMissing");
}

static const char *closed_because(const struct branch *branch)
{
	if (branch->state == BRANCH_CLAIMED)
		return "a newer pod has its address or interface: nothing passes";
	if (branch->state == BRANCH_CLOSED)
		return "none of its security groups is known: only exempt traffic passes";
	if (branch->too_many_rules[DIRECTION_INGRESS] && branch->too_many_rules[DIRECTION_EGRESS])
		return "its security groups have too many rules: only exempt traffic passes";
	if (branch->too_many_rules[DIRECTION_INGRESS])
		return "its security groups have too many rules: nothing new comes in";
	if (branch->too_many_rules[DIRECTION_EGRESS])
		return "its security groups have too many rules: nothing new goes out";
	return NULL;
}

static void say_mode(struct pod_events *events, const struct branch *branch, enum mode configured)
{
	buffer_add_format(
		new_message(events),
		"Enforced in %s mode, which was the node's when the pod was made; it is %s "
		"now: make the pod anew to change it",
		mode_name(branch->mode), mode_name(configured));
	say_of(events, branch, true, "EnforcingModeDiffers");
}

static void say_unfiltered(struct pod_events *events, const struct unfiltered *pod)
{
	buffer_add_format(
		new_message(events),
		"Started on %s before its security groups were in force, as "
		"hooks.failurePolicy is ignore: until it is known to podsg nothing filters "
		"it",
		pod->interface);
	say(events, (struct pod_event){.namespace = pod->namespace,
	                               .pod = pod->pod,
	                               .uid = pod->uid,
	                               .warning = true,
	                               .reason = "StartedUnfiltered"});
}

static void say_was_unfiltered(struct pod_events *events, const struct branch *branch)
{
	buffer_add_format(new_message(events),
	                  "Started on %s before its security groups were in force, as "
	                  "hooks.failurePolicy is ignore: they are by now",
	                  branch->interface);
	say_of(events, branch, true, "StartedUnfiltered");
}

static void look_at(struct pod_events *events, const struct resolution *resolution,
                    const struct branch *branch, const struct model *model)
{
	const char *reason = closed_because(branch);

	for (size_t i = 0; i < branch->group_count; i++)
		if (!model_group(model, branch->groups[i]))
			say_missing(events, branch, branch->groups[i]);
	if (reason) {
		buffer_add_format(new_message(events), "%s is closed: %s", branch->interface,
		                  reason);
		say_of(events, branch, true, "BranchInterfaceClosed");
	}
	if (branch->mode != resolution->config->enforcing_mode)
		say_mode(events, branch, resolution->config->enforcing_mode);
	if (branch->sandbox.sandbox[0] && branch->sandbox.state == ATTACHMENT_UNFILTERED)
		say_was_unfiltered(events, branch);
	if (branch->state == BRANCH_OPEN)
		say_enforced(events, branch);
}

/* Without its interface a pod is not there yet, and without its document not any more. */
void pod_events_committed(struct pod_events *events, const struct resolution *resolution,
                          const struct model *model)
{
	for (size_t i = 0; i < resolution->branch_count; i++) {
		const struct branch *branch = &resolution->branches[i];

		if (branch->present && !branch->orphan)
			look_at(events, resolution, branch, model);
	}
	for (size_t i = 0; i < resolution->unfiltered_count; i++)
		say_unfiltered(events, &resolution->unfiltered[i]);
	forget_old(events);
}

void pod_events_deleted_at_once(struct pod_events *events, const struct pod *pod)
{
	buffer_add_text(
		new_message(events),
		"Deleted with a grace period of 0: the CNI may leave its VLAN device, ip rules "
		"and branch ENI behind");
	say(events, (struct pod_event){.namespace = pod->namespace,
	                               .pod = pod->name,
	                               .uid = pod->uid,
	                               .warning = true,
	                               .reason = "GracePeriodZero"});
}

int pod_events_open(uv_loop_t *loop, struct kube_client *client, const char *node,
                    struct pod_events **ret, struct error *err)
{
	struct pod_events *events = calloc(1, sizeof(*events));
	int code;

	if (!events || index_init(&events->index) < 0) {
		free(events);
		return error_set(err, -ENOMEM, "out of memory");
	}
	LIST_INIT(&events->said);
	events->loop = loop;
	events->message.max = MESSAGE_MAX;
	code = pod_event_queue_open(loop, client, node, &events->queue, err);
	if (code < 0) {
		pod_events_close(events);
		return code;
	}
	*ret = events;
	return 0;
}

void pod_events_close(struct pod_events *events)
{
	if (!events)
		return;
	while (!LIST_EMPTY(&events->said))
		forget(events, LIST_FIRST(&events->said));
	index_done(&events->index);
	buffer_done(&events->message);
	pod_event_queue_close(events->queue);
	free(events);
}
