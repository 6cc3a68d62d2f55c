/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/file.h"
#include "common/siphash.h"
#include "dnscache/node/branch_list.h"

#define FILE_SIZE_MAX ((size_t)16 << 20)
#define NO_CLIENT UINT32_MAX

/* What a pod was refused, for as long as a table knows the pod. */
struct tally {
	_Atomic uint64_t refused;
	unsigned tables;
};

struct pod {
	const char *name;
	struct tally *tally;
	bool has_client;
};

struct branches {
	struct arena *arena;
	uint64_t generation;
	struct branch_client *clients; /* by address */
	size_t client_count;
	uint32_t *slots; /* of clients, by hash; NO_CLIENT: free */
	uint64_t slot_mask;
	struct pod *pods; /* by name */
	size_t pod_count;
	const char **strict; /* sorted, unique */
	size_t strict_count;
	struct cluster_server *servers;
	size_t server_count;
};

static int pod_compare(const void *a, const void *b)
{
	const struct pod *left = a;
	const struct pod *right = b;
	return strcmp(left->name, right->name);
}

static struct pod *pod_of(const struct branches *branches, const char *name)
{
	const struct pod key = {.name = name};
	if (!branches || branches->pod_count == 0)
		return NULL;
	return bsearch(&key, branches->pods, branches->pod_count, sizeof(key), pod_compare);
}

static int client_compare(const struct branch_client *a, const struct branch_client *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->address, b->address, sizeof(a->address));
}

/* The holder of an address first: who loses it to a newer pod may ask nothing. */
static int holder_compare(const void *a, const void *b)
{
	const struct listed_client *left = a;
	const struct listed_client *right = b;
	int order = client_compare(&left->client, &right->client);
	if (order != 0)
		return order;
	int left_may = left->client.udp || left->client.tcp;
	int right_may = right->client.udp || right->client.tcp;
	if (left_may != right_may)
		return right_may - left_may;
	return left->created > right->created ? -1 : left->created < right->created;
}

static int text_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts strings and leaves one of each. */
static void unique_texts(struct vector *vector)
{
	const char **texts = vector->items;
	size_t kept = 0;
	if (vector->count > 1)
		qsort(texts, vector->count, sizeof(*texts), text_compare);
	for (size_t i = 0; i < vector->count; i++)
		if (i == 0 || strcmp(texts[kept - 1], texts[i]) != 0)
			texts[kept++] = texts[i];
	vector->count = kept;
}

/* A tally outlives its table as long as a later one knows the pod. */
static int keep_pods(struct branches *branches, struct vector *pods,
                     const struct branches *previous)
{
	unique_texts(pods);
	branches->pods = arena_array(branches->arena, pods->count + 1, sizeof(struct pod));
	if (!branches->pods)
		return -ENOMEM;
	const char *const *names = pods->items;
	for (size_t i = 0; i < pods->count; i++) {
		const struct pod *before = pod_of(previous, names[i]);
		struct tally *tally = before ? before->tally : calloc(1, sizeof(*tally));
		if (!tally)
			return -ENOMEM;
		tally->tables++;
		branches->pods[branches->pod_count++] =
			(struct pod){.name = names[i], .tally = tally};
	}
	return 0;
}

static int keep_clients(struct branches *branches, struct vector *listed)
{
	branches->clients =
		arena_array(branches->arena, listed->count + 1, sizeof(struct branch_client));
	if (!branches->clients)
		return -ENOMEM;
	struct listed_client *clients = listed->items;
	if (listed->count > 1)
		qsort(clients, listed->count, sizeof(*clients), holder_compare);
	for (size_t i = 0; i < listed->count; i++) {
		if (i > 0 && client_compare(&clients[i - 1].client, &clients[i].client) == 0)
			continue;
		struct branch_client *client = &branches->clients[branches->client_count++];
		struct pod *pod = pod_of(branches, clients[i].client.pod);
		*client = clients[i].client;
		client->refused = &pod->tally->refused;
		client->first = !pod->has_client;
		pod->has_client = true;
	}
	return 0;
}

static uint64_t hash_of(uint8_t family, const uint8_t address[static 16])
{
	struct siphash hash = siphash_begin(siphash_process_key());
	siphash_word(&hash, family);
	siphash_bytes(&hash, address, 16);
	return siphash_end(&hash);
}

/* Open addressing, at most half full, so that a search ends. */
static int make_slots(struct branches *branches)
{
	size_t size = 2;
	while (size < branches->client_count * 2)
		size *= 2;
	branches->slots = arena_array(branches->arena, size, sizeof(*branches->slots));
	if (!branches->slots)
		return -ENOMEM;
	branches->slot_mask = size - 1;
	for (size_t i = 0; i < size; i++)
		branches->slots[i] = NO_CLIENT;
	for (size_t i = 0; i < branches->client_count; i++) {
		const struct branch_client *client = &branches->clients[i];
		uint64_t at = hash_of(client->family, client->address) & branches->slot_mask;
		while (branches->slots[at] != NO_CLIENT)
			at = (at + 1) & branches->slot_mask;
		branches->slots[at] = (uint32_t)i;
	}
	return 0;
}

/* The strings of the list are the table's from now on. */
static int make_table(struct branch_list *list, const struct branches *previous,
                      struct branches **ret)
{
	struct branches *branches = calloc(1, sizeof(*branches));
	if (!branches)
		return -ENOMEM;
	branches->arena = list->arena;
	list->arena = NULL;
	branches->generation = list->generation;
	int r = keep_pods(branches, &list->pods, previous);
	unique_texts(&list->strict);
	if (r == 0)
		r = vector_move(&list->strict, branches->arena, &branches->strict,
		                &branches->strict_count);
	if (r == 0)
		r = vector_move(&list->servers, branches->arena, &branches->servers,
		                &branches->server_count);
	if (r == 0)
		r = keep_clients(branches, &list->clients);
	if (r == 0)
		r = make_slots(branches);
	if (r < 0)
		branches_free(branches);
	else
		*ret = branches;
	return r;
}

int branches_load(const char *path, const struct branches *previous, struct branches **ret,
                  unsigned *skipped, struct error *err)
{
	struct branch_list list;
	char *text = NULL;
	size_t length = 0;
	int r = branch_list_open(&list);
	if (r == 0)
		r = file_read(path, FILE_SIZE_MAX, &text, &length, err);
	if (r == 0)
		r = branch_list_read(path, text, length, &list, err);
	if (r == 0)
		r = make_table(&list, previous, ret);
	if (r == -ENOMEM)
		error_set(err, r, "%s: out of memory", path);
	if (r == 0 && skipped)
		*skipped = list.skipped;
	branch_list_done(&list);
	free(text);
	return r;
}

void branches_free(struct branches *branches)
{
	if (!branches)
		return;
	for (size_t i = 0; i < branches->pod_count; i++)
		if (--branches->pods[i].tally->tables == 0)
			free(branches->pods[i].tally);
	arena_free(branches->arena);
	free(branches);
}

/* A socket of either family may hear from an IPv4 client. */
static uint8_t address_of(const struct sockaddr *address, uint8_t ret[static 16])
{
	memset(ret, 0, 16);
	if (address->sa_family == AF_INET) {
		memcpy(ret, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
		return AF_INET;
	}
	const struct in6_addr *six =
		&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(six)) {
		memcpy(ret, &six->s6_addr[12], 4);
		return AF_INET;
	}
	memcpy(ret, six, 16);
	return AF_INET6;
}

const struct branch_client *branches_find(const struct branches *branches,
                                          const struct sockaddr *address)
{
	uint8_t key[16];
	if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
		return NULL;
	uint8_t family = address_of(address, key);
	uint64_t at = hash_of(family, key) & branches->slot_mask;
	for (; branches->slots[at] != NO_CLIENT; at = (at + 1) & branches->slot_mask) {
		const struct branch_client *client = &branches->clients[branches->slots[at]];
		if (client->family == family &&
		    memcmp(client->address, key, sizeof(client->address)) == 0)
			return client;
	}
	return NULL;
}

const char *const *branches_strict(const struct branches *branches, size_t *count)
{
	*count = branches->strict_count;
	return branches->strict;
}

const struct cluster_server *branches_servers(const struct branches *branches, size_t *count)
{
	*count = branches->server_count;
	return branches->servers;
}

uint64_t branches_generation(const struct branches *branches)
{
	return branches->generation;
}

size_t branches_client_count(const struct branches *branches)
{
	return branches->client_count;
}

const struct branch_client *branches_client(const struct branches *branches, size_t i)
{
	return &branches->clients[i];
}
