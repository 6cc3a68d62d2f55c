/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "nft-sync/model/pool.h"
#include "nft-sync/model/remote_pods.h"
#include "nft-sync/model/workload.h"

/* The ENI's id ("" = none) stands behind the addresses. */
struct remote_pod {
	struct id_entry entry; /* first: the index hands out entries */
	LIST_ENTRY(remote_pod) due;
	struct workload *workload;
	struct group_ids *applied; /* of which it is a member now; NULL = of none */
	uint64_t digest;           /* as it was put; 0: none was given */
	uint32_t ids[2];           /* namespace and name */
	uint32_t round;            /* the list that it was last in */
	bool is_due : 1;           /* what it is a member of is to be worked out */
	bool gone : 1;             /* it is in no index any more, and waits for that only */
	uint8_t address_count;
	struct prefix addresses[];
};

LIST_HEAD(due_pods, remote_pod);

struct remote_pods {
	struct pool pool;
	struct strings strings;
	struct group_lists lists;
	struct id_index pods;
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

static struct id_key key_of(const struct id_entry *entry)
{
	const void *at = entry;
	const struct remote_pod *pod = at;

	return (struct id_key){pod->ids, 2};
}

static const char *eni_of(const struct remote_pod *pod)
{
	const void *behind = &pod->addresses[pod->address_count];

	return behind;
}

/* sizeof() would leave a gap before the addresses. */
static size_t size_of(size_t address_count, const char *eni)
{
	return offsetof(struct remote_pod, addresses) + address_count * sizeof(struct prefix) +
	       strlen(eni) + 1;
}

static struct remote_pod *find(const struct remote_pods *remotes, const char *namespace,
                               const char *name)
{
	const uint32_t ids[] = {strings_find(&remotes->strings, namespace),
	                        strings_find(&remotes->strings, name)};
	void *entry = id_index_find(&remotes->pods, (struct id_key){ids, 2});

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
	group_ids_unref(&remotes->lists, pod->applied);
	strings_unref_all(&remotes->strings, pod->ids, 2);
	pool_give(&remotes->pool, pod, size_of(pod->address_count, eni_of(pod)));
}

/* Out of the index; it stays as long as it is a member of groups. */
static void retire(struct remote_pods *remotes, struct remote_pod *pod)
{
	id_index_remove(&remotes->pods, &pod->entry);
	remotes->generation++;
	pod->gone = true;
	if (pod->applied != NULL)
		set_due(remotes, pod);
	else
		pod_free(remotes, pod);
}

static int ref_ids(struct remote_pods *remotes, const struct pod *pod, uint32_t ids[static 2])
{
	int ret = strings_ref(&remotes->strings, pod->namespace, &ids[0]);

	if (ret < 0)
		return ret;
	ret = strings_ref(&remotes->strings, pod->name, &ids[1]);
	if (ret < 0)
		strings_unref(&remotes->strings, ids[0]);
	return ret;
}

static int pod_new(struct remote_pods *remotes, const struct pod *pod, struct remote_pod **ret)
{
	size_t count;
	const struct prefix *addresses = pod_addresses(pod, &count);
	const char *eni = pod->eni != NULL ? pod->eni->id : "";
	size_t size = size_of(count, eni);
	struct remote_pod *new = pool_take(&remotes->pool, size);
	int r = new != NULL ? ref_ids(remotes, pod, new->ids) : -ENOMEM;

	if (r < 0) {
		if (new != NULL)
			pool_give(&remotes->pool, new, size);
		return r;
	}
	new->address_count = (uint8_t)count;
	memcpy(new->addresses, addresses, count * sizeof(struct prefix));
	memcpy(&new->addresses[count], eni, strlen(eni) + 1);
	*ret = new;
	return 0;
}

static bool is_same(const struct remote_pods *remotes, const struct remote_pod *old,
                    const struct pod *pod)
{
	size_t count;
	const struct prefix *addresses = pod_addresses(pod, &count);

	return old->address_count == count &&
	       memcmp(old->addresses, addresses, count * sizeof(struct prefix)) == 0 &&
	       strcmp(eni_of(old), pod->eni != NULL ? pod->eni->id : "") == 0 &&
	       workload_is_of(&remotes->workloads, old->workload, pod);
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
	int ret = id_index_reserve(&remotes->pods);

	if (ret == 0)
		ret = pod_new(remotes, pod, &new);
	if (new == NULL) {
		workload_unref(&remotes->workloads, workload);
		return ret;
	}
	new->workload = workload;
	new->round = remotes->round;
	new->digest = digest;
	if (old != NULL)
		retire(remotes, old);
	id_index_insert(&remotes->pods, &new->entry);
	remotes->generation++;
	set_due(remotes, new);
	return 0;
}

static int put(struct remote_pods *remotes, struct remote_pod *old, const struct pod *pod,
               uint64_t digest)
{
	struct workload *workload;
	int ret;

	if (old != NULL && is_same(remotes, old, pod)) {
		old->round = remotes->round;
		old->digest = digest;
		return 0;
	}
	ret = workload_of(&remotes->workloads, pod, &workload);
	return ret < 0 ? ret : replace(remotes, old, pod, digest, workload);
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
	int ret;

	if (!can_be_member(pod)) {
		(void)remote_pods_remove(remotes, pod->namespace, pod->name);
		return 0;
	}
	if (old == NULL && remotes->pods.count >= REMOTE_PODS_MAX)
		return error_set(err, -ENOSPC,
		                 "more than %d pods of other nodes: those beyond are members of no "
		                 "security group",
		                 REMOTE_PODS_MAX);
	ret = put(remotes, old, pod, digest);
	if (ret == -ENAMETOOLONG)
		return error_set(err, ret,
		                 "pod %.64s/%.64s of another node: a name or label is longer than "
		                 "%d bytes",
		                 pod->namespace, pod->name, STRING_MAX);
	if (ret < 0)
		return error_set(err, ret, "pod %s/%s of another node: out of memory",
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

			entry = pod->entry.next;
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
	if (interface != NULL)
		return group_ids_of(&remotes->lists, interface->groups, interface->group_count,
		                    ret);
	if (workload_groups(&remotes->workloads, pod->workload, input, stamp, &groups) < 0)
		return -ENOMEM;
	*ret = group_ids_ref(groups);
	return 0;
}

static void add_memberships(const struct remote_pods *remotes, struct member_batch *batch,
                            const struct remote_pod *pod, const struct group_ids *groups, int by)
{
	for (size_t g = 0; groups != NULL && g < groups->count; g++) {
		const char *id = strings_text(&remotes->strings, groups->ids[g]);

		for (size_t a = 0; a < pod->address_count; a++)
			member_batch_add(batch, id, &pod->addresses[a], by);
	}
}

static int stage_pod(struct remote_pods *remotes, const struct pod_groups_input *input,
                     uint64_t stamp, struct remote_pod *pod, struct member_batch *batch,
                     struct vector *changes)
{
	struct group_ids *groups;
	struct change *change;

	if (wanted_groups(remotes, input, stamp, pod, &groups) < 0)
		return -ENOMEM;
	if (!pod->gone && pod->applied == groups) {
		group_ids_unref(&remotes->lists, groups);
		set_done(pod);
		return 0;
	}
	change = vector_push(changes);
	if (change == NULL) {
		group_ids_unref(&remotes->lists, groups);
		return -ENOMEM;
	}
	*change = (struct change){pod, groups};
	add_memberships(remotes, batch, pod, pod->applied, -1);
	add_memberships(remotes, batch, pod, groups, 1);
	return 0;
}

static void commit(struct remote_pods *remotes, const struct vector *changes)
{
	const struct change *items = changes->items;

	for (size_t i = 0; i < changes->count; i++) {
		struct remote_pod *pod = items[i].pod;

		group_ids_unref(&remotes->lists, pod->applied);
		pod->applied = items[i].groups;
		set_done(pod);
		if (pod->gone)
			pod_free(remotes, pod);
	}
}

static void discard(struct remote_pods *remotes, const struct vector *changes)
{
	const struct change *items = changes->items;

	for (size_t i = 0; i < changes->count; i++)
		group_ids_unref(&remotes->lists, items[i].groups);
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
		discard(remotes, &changes);
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
	if (strings_init(&remotes->strings) < 0 ||
	    group_lists_init(&remotes->lists, &remotes->strings) < 0 ||
	    workloads_init(&remotes->workloads, &remotes->strings, &remotes->lists) < 0 ||
	    id_index_init(&remotes->pods, key_of) < 0) {
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
	id_index_done(&remotes->pods);
	workloads_done(&remotes->workloads);
	group_lists_done(&remotes->lists);
	strings_done(&remotes->strings);
	pool_done(&remotes->pool);
	free(remotes);
}
