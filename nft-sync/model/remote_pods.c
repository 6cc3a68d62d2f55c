/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "nft-sync/model/remote_pods.h"
#include "nft-sync/model/workload.h"

/* The name and the ENI's id ("" = none) stand behind the addresses. */
struct remote_pod {
	struct index_entry index; /* first: the index hands out entries */
	LIST_ENTRY(remote_pod) due;
	struct workload *workload;
	struct group_ids *applied; /* of which it is a member now; NULL = of none */
	uint64_t digest;           /* as it was put; 0: none was given */
	uint32_t round;            /* the list that it was last in */
	bool is_due;               /* what it is a member of is to be worked out */
	bool gone;                 /* it is in no index any more, and waits for that only */
	uint8_t address_count;
	struct prefix addresses[];
};

LIST_HEAD(due_pods, remote_pod);

struct remote_pods {
	struct index pods;
	struct workloads workloads;
	struct due_pods due;
	uint32_t round;
	uint64_t stamp;
	uint64_t generation;
};

struct change {
	struct remote_pod *pod;
	struct group_ids *groups;
};

static const char *name_of(const struct remote_pod *pod)
{
	return pod->index.key.second;
}

static const char *eni_of(const struct remote_pod *pod)
{
	return name_of(pod) + pod->index.key.second_size + 1;
}

static struct remote_pod *find(const struct remote_pods *remotes, const char *namespace,
                               const char *name)
{
	const struct index_key key = index_key_strings(0, namespace, name);
	void *entry = index_first(&remotes->pods, &key);

	return entry;
}

static void set_due(struct remote_pods *remotes, struct remote_pod *pod)
{
	if (pod->is_due)
		return;
	pod->is_due = true;
	LIST_INSERT_HEAD(&remotes->due, pod, due);
}

static void set_done(struct remote_pod *pod)
{
	if (!pod->is_due)
		return;
	pod->is_due = false;
	LIST_REMOVE(pod, due);
}

static void pod_free(struct remote_pods *remotes, struct remote_pod *pod)
{
	set_done(pod);
	workload_unref(&remotes->workloads, pod->workload);
	group_ids_unref(pod->applied);
	free(pod);
}

/* Out of the index; it stays as long as it is a member of groups. */
static void retire(struct remote_pods *remotes, struct remote_pod *pod)
{
	index_remove(&remotes->pods, &pod->index);
	remotes->generation++;
	pod->gone = true;
	if (pod->applied != NULL)
		set_due(remotes, pod);
	else
		pod_free(remotes, pod);
}

static struct remote_pod *pod_new(const struct pod *pod, struct workload *workload)
{
	size_t count;
	const struct prefix *addresses = pod_addresses(pod, &count);
	const char *eni = pod->eni != NULL ? pod->eni->id : "";
	size_t name_length = strlen(pod->name);
	size_t eni_length = strlen(eni);
	size_t size = sizeof(struct remote_pod) + count * sizeof(struct prefix);
	struct remote_pod *ret = malloc(size + name_length + 1 + eni_length + 1);

	if (ret == NULL)
		return NULL;

	char *name = (char *)ret + size;

	*ret = (struct remote_pod){.workload = workload, .address_count = (uint8_t)count};
	memcpy(ret->addresses, addresses, count * sizeof(struct prefix));
	memcpy(name, pod->name, name_length + 1);
	memcpy(name + name_length + 1, eni, eni_length + 1);
	ret->index.key = index_key_strings(0, workload->text, name);
	return ret;
}

static bool is_same(const struct remote_pod *old, const struct pod *pod,
                    const struct workload *workload)
{
	size_t count;
	const struct prefix *addresses = pod_addresses(pod, &count);

	return old->workload == workload && old->address_count == count &&
	       memcmp(old->addresses, addresses, count * sizeof(struct prefix)) == 0 &&
	       strcmp(eni_of(old), pod->eni != NULL ? pod->eni->id : "") == 0;
}

static bool can_be_member(const struct pod *pod)
{
	size_t count;

	(void)pod_addresses(pod, &count);
	return count > 0 && !pod->host_network && !pod->finished;
}

/* Takes the reference to the workload. */
static int replace(struct remote_pods *remotes, struct remote_pod *old, const struct pod *pod,
                   uint64_t digest, struct workload *workload)
{
	struct remote_pod *new = NULL;

	if (index_reserve(&remotes->pods, 1) == 0)
		new = pod_new(pod, workload);
	if (new == NULL) {
		workload_unref(&remotes->workloads, workload);
		return -ENOMEM;
	}
	new->round = remotes->round;
	new->digest = digest;
	if (old != NULL)
		retire(remotes, old);
	index_insert(&remotes->pods, &new->index);
	remotes->generation++;
	set_due(remotes, new);
	return 0;
}

bool remote_pods_same(struct remote_pods *remotes, const char *namespace, const char *name,
                      uint64_t digest)
{
	struct remote_pod *pod = digest != 0 ? find(remotes, namespace, name) : NULL;

	if (pod == NULL || pod->digest != digest)
		return false;
	pod->round = remotes->round;
	return true;
}

int remote_pods_put(struct remote_pods *remotes, const struct pod *pod, uint64_t digest,
                    struct error *err)
{
	struct remote_pod *old = find(remotes, pod->namespace, pod->name);
	struct workload *workload;

	if (!can_be_member(pod)) {
		(void)remote_pods_remove(remotes, pod->namespace, pod->name);
		return 0;
	}
	if (old == NULL && remotes->pods.count >= REMOTE_PODS_MAX)
		return error_set(err, -ENOSPC,
		                 "more than %d pods of other nodes: those beyond are members of no "
		                 "security group",
		                 REMOTE_PODS_MAX);
	workload = workload_of(&remotes->workloads, pod);
	if (workload != NULL && old != NULL && is_same(old, pod, workload)) {
		workload_unref(&remotes->workloads, workload);
		old->round = remotes->round;
		old->digest = digest;
		return 0;
	}
	if (workload == NULL || replace(remotes, old, pod, digest, workload) < 0)
		return error_set(err, -ENOMEM, "pod %s/%s of another node: out of memory",
		                 pod->namespace, pod->name);
	return 0;
}

bool remote_pods_remove(struct remote_pods *remotes, const char *namespace, const char *name)
{
	struct remote_pod *pod = find(remotes, namespace, name);

	if (pod != NULL)
		retire(remotes, pod);
	return pod != NULL;
}

bool remote_pods_has(const struct remote_pods *remotes, const char *namespace, const char *name)
{
	return remotes->pods.count > 0 && find(remotes, namespace, name) != NULL;
}

size_t remote_pods_count(const struct remote_pods *remotes)
{
	return remotes->pods.count;
}

uint64_t remote_pods_generation(const struct remote_pods *remotes)
{
	return remotes->generation;
}

/* visit may take the pod out of the index, and no other. */
static void visit_all(struct remote_pods *remotes,
                      void (*visit)(struct remote_pods *remotes, struct remote_pod *pod))
{
	for (size_t i = 0; i < remotes->pods.bucket_count; i++) {
		void *entry = remotes->pods.buckets[i];

		while (entry != NULL) {
			struct remote_pod *pod = entry;

			entry = pod->index.next;
			visit(remotes, pod);
		}
	}
}

void remote_pods_begin(struct remote_pods *remotes)
{
	remotes->round++;
}

static void sweep(struct remote_pods *remotes, struct remote_pod *pod)
{
	if (pod->round != remotes->round)
		retire(remotes, pod);
}

size_t remote_pods_sweep(struct remote_pods *remotes)
{
	size_t count = remotes->pods.count;

	visit_all(remotes, sweep);
	return count - remotes->pods.count;
}

/* Like pod_groups(), but the policies are asked once for all pods of a template. The groups of pods
 * with an ENI that have neither a policy nor a listed ENI are those of their node, which is not
 * known here: they are members of none. *ret is a new reference, NULL = none. */
static int wanted_groups(struct remote_pods *remotes, const struct pod_groups_input *input,
                         uint64_t stamp, const struct remote_pod *pod, struct group_ids **ret)
{
	const char *eni = eni_of(pod);
	const struct network_interface *interface = NULL;
	struct group_ids *groups;

	*ret = NULL;
	if (pod->gone || (eni[0] == '\0' && !input->enforce_without_eni))
		return 0;
	if (eni[0] != '\0')
		interface = model_interface(input->model, eni);
	if (interface != NULL) {
		*ret = group_ids_new(interface->groups, interface->group_count);
		return *ret != NULL ? 0 : -ENOMEM;
	}
	if (workload_groups(&remotes->workloads, pod->workload, input, stamp, &groups) < 0)
		return -ENOMEM;
	*ret = group_ids_ref(groups);
	return 0;
}

static void add_memberships(struct member_batch *batch, const struct remote_pod *pod,
                            const struct group_ids *groups, int by)
{
	for (size_t g = 0; groups != NULL && g < groups->count; g++)
		for (size_t a = 0; a < pod->address_count; a++)
			member_batch_add(batch, groups->ids[g], &pod->addresses[a], by);
}

static int stage_pod(struct remote_pods *remotes, const struct pod_groups_input *input,
                     uint64_t stamp, struct remote_pod *pod, struct member_batch *batch,
                     struct vector *changes)
{
	struct group_ids *groups;
	struct change *change;

	if (wanted_groups(remotes, input, stamp, pod, &groups) < 0)
		return -ENOMEM;
	if (!pod->gone && group_ids_equal(pod->applied, groups)) {
		group_ids_unref(groups);
		set_done(pod);
		return 0;
	}
	change = vector_push(changes);
	if (change == NULL) {
		group_ids_unref(groups);
		return -ENOMEM;
	}
	*change = (struct change){pod, groups};
	add_memberships(batch, pod, pod->applied, -1);
	add_memberships(batch, pod, groups, 1);
	return 0;
}

static void commit(struct remote_pods *remotes, const struct vector *changes)
{
	const struct change *items = changes->items;

	for (size_t i = 0; i < changes->count; i++) {
		struct remote_pod *pod = items[i].pod;

		group_ids_unref(pod->applied);
		pod->applied = items[i].groups;
		set_done(pod);
		if (pod->gone)
			pod_free(remotes, pod);
	}
}

static void discard(const struct vector *changes)
{
	const struct change *items = changes->items;

	for (size_t i = 0; i < changes->count; i++)
		group_ids_unref(items[i].groups);
}

int remote_pods_apply(struct remote_pods *remotes, struct members *members,
                      const struct pod_groups_input *input, uint64_t stamp)
{
	struct member_batch batch = {.members = members};
	struct vector changes = {.item_size = sizeof(struct change)};
	int ret;

	if (remotes->stamp != stamp)
		visit_all(remotes, set_due);
	for (struct remote_pod *pod = LIST_FIRST(&remotes->due), *next; pod != NULL; pod = next) {
		next = LIST_NEXT(pod, due);
		if (stage_pod(remotes, input, stamp, pod, &batch, &changes) < 0)
			batch.failed = true;
	}
	ret = members_apply(members, &batch);
	if (ret == 0) {
		commit(remotes, &changes);
		remotes->stamp = stamp;
	} else {
		discard(&changes);
	}
	vector_done(&changes);
	return ret;
}

struct remote_pods *remote_pods_new(void)
{
	struct remote_pods *remotes = calloc(1, sizeof(*remotes));

	if (remotes == NULL)
		return NULL;
	LIST_INIT(&remotes->due);
	if (index_init(&remotes->pods) < 0 || workloads_init(&remotes->workloads) < 0) {
		remote_pods_free(remotes);
		return NULL;
	}
	return remotes;
}

void remote_pods_free(struct remote_pods *remotes)
{
	if (remotes == NULL)
		return;
	visit_all(remotes, pod_free);
	while (!LIST_EMPTY(&remotes->due))
		pod_free(remotes, LIST_FIRST(&remotes->due));
	index_done(&remotes->pods);
	workloads_done(&remotes->workloads);
	free(remotes);
}
