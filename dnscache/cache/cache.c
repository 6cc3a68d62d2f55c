/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/siphash.h"
#include "dnscache/cache/shard.h"

#define PAGE 4096
#define HEADER_BYTES PAGE
#define SHARDS_MAX 16
/* A quarter of a smaller one would not take the largest answer. */
#define SHARD_BYTES_MIN (512u * 1024)
/* To be raised when the meaning of anything in the memory changes; sizes speak for themselves. */
#define LAYOUT 1
#define BOOT_ID_SIZE 36
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* What a former process's memory must begin with. */
struct identity {
	char magic[8];
	uint32_t layout;
	uint32_t answer_size;
	uint32_t ttl_at;
	uint32_t shards;
	uint64_t bytes;
	char boot_id[BOOT_ID_SIZE + 4];
};

struct header {
	struct identity identity;
	uint64_t secret[2];
	struct shard_span spans[SHARDS_MAX];
	_Atomic uint32_t trials; /* takeovers since the last cache_prove() */
};
_Static_assert(sizeof(struct header) <= HEADER_BYTES, "the header fits");

struct cache {
	int memfd;
	size_t bytes;
	size_t shard_bytes; /* whole pages */
	uint32_t shard_count;
	uint64_t secret[2];
	struct header *header;
	struct shard *shards; /* SHARDS_MAX */
};

static struct shard *shard_of(const struct cache *cache, uint64_t hash)
{
	return &cache->shards[hash & (cache->shard_count - 1)];
}

static size_t shard_begins(const struct cache *cache, uint32_t number)
{
	return HEADER_BYTES + number * cache->shard_bytes;
}

static int read_boot_id(char boot_id[static BOOT_ID_SIZE], struct error *err)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, boot_id, BOOT_ID_SIZE);
	int ret = 0;

	if (size < 0)
		ret = error_set(err, -errno, "%s: %s", path, strerror(errno));
	else if (size != BOOT_ID_SIZE)
		ret = error_set(err, -EIO, "%s: too short", path);
	if (fd >= 0)
		(void)close(fd);
	return ret;
}

static int identify(const struct cache *cache, struct identity *ret, struct error *err)
{
	*ret = (struct identity){
		.magic = "podsgdns",
		.layout = LAYOUT,
		.answer_size = sizeof(struct dns_answer),
		.ttl_at = offsetof(struct dns_answer, ttl_count),
		.shards = cache->shard_count,
		.bytes = cache->bytes,
	};
	return read_boot_id(ret->boot_id, err);
}

/* Zeros in those pages that were ever touched. To give them back would be simpler, but to be given
 * them again would be a third of the time that a successor needs. */
static int clear_pages(const struct cache *cache, off_t from, off_t end)
{
	char *memory = (char *)cache->header;

	while ((from = lseek(cache->memfd, from, SEEK_DATA)) >= 0 && from < end) {
		off_t hole = lseek(cache->memfd, from, SEEK_HOLE);

		if (hole < 0)
			return -errno;
		if (hole > end)
			hole = end;
		(void)madvise(memory + from, (size_t)(hole - from), MADV_POPULATE_WRITE);
		memset(memory + from, 0, (size_t)(hole - from));
		from = hole;
	}
	return from < 0 && errno != ENXIO ? -errno : 0;
}

static bool map(struct cache *cache)
{
	void *memory =
		mmap(NULL, cache->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cache->memfd, 0);

	if (memory == MAP_FAILED)
		return false;
	/* Only pages that are needed: a huge one would take 2 MiB for the first answer. */
	(void)madvise(memory, cache->bytes, MADV_NOHUGEPAGE);
	cache->header = memory;
	return true;
}

static void unmap(struct cache *cache)
{
	if (cache->header)
		(void)munmap(cache->header, cache->bytes);
	cache->header = NULL;
	if (cache->memfd >= 0)
		(void)close(cache->memfd);
	cache->memfd = -1;
}

static void lay_out(struct cache *cache)
{
	memcpy(cache->secret, cache->header->secret, sizeof(cache->secret));
	for (uint32_t i = 0; i < cache->shard_count; i++) {
		char *memory = (char *)cache->header + shard_begins(cache, i);

		shard_init(&cache->shards[i], &cache->header->spans[i], memory, cache->shard_bytes);
	}
}

static int create(struct cache *cache, const struct identity *identity, struct error *err)
{
	size_t size = sizeof(cache->header->secret);

	cache->memfd = memfd_create("podsg-dns-cache", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (cache->memfd < 0 || ftruncate(cache->memfd, (off_t)cache->bytes) < 0 ||
	    fcntl(cache->memfd, F_ADD_SEALS, SEALS) < 0 || !map(cache))
		return error_set(err, -errno, "cache: memory of %zu bytes: %s", cache->bytes,
		                 strerror(errno));
	if (getrandom(cache->header->secret, size, 0) != (ssize_t)size)
		return error_set(err, -EIO, "cache: no random numbers");
	lay_out(cache);
	for (uint32_t i = 0; i < cache->shard_count; i++)
		shard_begin(&cache->shards[i]);
	cache->header->identity = *identity;
	return 0;
}

/* Without the seals somebody could make it smaller under our feet. */
static bool size_is_certain(int memfd, size_t bytes)
{
	struct stat status;

	return fstat(memfd, &status) == 0 && (uint64_t)status.st_size == bytes &&
	       (fcntl(memfd, F_GET_SEALS) & SEALS) == SEALS;
}

/* At once: whoever keeps a descriptor of it lets go of it later. */
static void give_back(const struct cache *cache)
{
	(void)fallocate(cache->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	                (off_t)cache->bytes);
}

/* The index is made anew from what is in the rings: so only they have to be believed. */
static bool adopt(struct cache *cache, int memfd, const struct identity *identity)
{
	cache->memfd = memfd;
	if (!size_is_certain(memfd, cache->bytes) || !map(cache))
		return false;
	if (memcmp(&cache->header->identity, identity, sizeof(*identity)) != 0)
		return false;
	if (atomic_fetch_add_explicit(&cache->header->trials, 1, memory_order_relaxed) >=
	    CACHE_TRIALS) {
		give_back(cache);
		return false;
	}
	lay_out(cache);
	for (uint32_t i = 0; i < cache->shard_count; i++) {
		struct shard *shard = &cache->shards[i];
		off_t begin = (off_t)shard_begins(cache, i);

		if (clear_pages(cache, begin, begin + (off_t)shard_index_bytes(shard)) < 0)
			return false;
		shard_adopt(shard);
	}
	return true;
}

static int fill(struct cache *cache, int memfd, bool *adopted, struct error *err)
{
	struct identity identity;
	int ret = identify(cache, &identity, err);

	if (ret < 0) {
		cache->memfd = memfd;
		return ret;
	}
	*adopted = memfd >= 0 && adopt(cache, memfd, &identity);
	if (!*adopted) {
		unmap(cache);
		ret = create(cache, &identity, err);
	}
	return ret;
}

static void divide(struct cache *cache, size_t bytes)
{
	cache->bytes = (bytes < CACHE_BYTES_MIN ? CACHE_BYTES_MIN : bytes) & ~(size_t)(PAGE - 1);
	cache->shard_count = SHARDS_MAX;
	while (cache->bytes / cache->shard_count < SHARD_BYTES_MIN)
		cache->shard_count /= 2;
	cache->shard_bytes =
		((cache->bytes - HEADER_BYTES) / cache->shard_count) & ~(size_t)(PAGE - 1);
}

static struct cache *allocate(void)
{
	struct cache *cache = calloc(1, sizeof(*cache));
	size_t size = SHARDS_MAX * sizeof(*cache->shards);

	if (!cache)
		return NULL;
	cache->memfd = -1;
	cache->shards = aligned_alloc(_Alignof(struct shard), size);
	if (!cache->shards) {
		free(cache);
		return NULL;
	}
	memset(cache->shards, 0, size);
	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		(void)pthread_mutex_init(&cache->shards[i].lock, NULL);
	return cache;
}

int cache_open(size_t bytes, int memfd, struct cache **ret, bool *adopted, struct error *err)
{
	struct cache *cache = allocate();
	int code;

	*ret = NULL;
	*adopted = false;
	if (!cache) {
		if (memfd >= 0)
			(void)close(memfd);
		return error_set(err, -ENOMEM, "cache: out of memory");
	}
	divide(cache, bytes);
	code = fill(cache, memfd, adopted, err);
	if (code < 0) {
		cache_close(cache);
		return code;
	}
	*ret = cache;
	return 0;
}

void cache_close(struct cache *cache)
{
	if (!cache)
		return;
	unmap(cache);
	for (uint32_t i = 0; i < SHARDS_MAX; i++)
		(void)pthread_mutex_destroy(&cache->shards[i].lock);
	free(cache->shards);
	free(cache);
}

void cache_prove(struct cache *cache)
{
	atomic_store_explicit(&cache->header->trials, 0, memory_order_relaxed);
}

int cache_memfd(const struct cache *cache)
{
	return cache->memfd;
}

uint64_t cache_key_hash(const struct cache *cache, const struct cache_key *key)
{
	struct siphash hash = siphash_begin(cache->secret);
	unsigned names = shard_name_units(key->name_length);

	siphash_word(&hash, shard_key_word(key));
	for (unsigned i = 0; i < names; i++)
		siphash_word(&hash, shard_name_word(key, i));
	return siphash_end(&hash);
}

void cache_prefetch(const struct cache *cache, uint64_t hash)
{
	__builtin_prefetch(shard_bucket(shard_of(cache, hash), (uint32_t)(hash >> 32)), 1);
}

void cache_prefetch_answer(const struct cache *cache, uint64_t hash)
{
	shard_prefetch_answer(shard_of(cache, hash), (uint32_t)(hash >> 32));
}

bool cache_get(const struct cache *cache, const struct cache_key *key, struct dns_answer *out,
               size_t room, size_t *needed, unsigned *uses)
{
	return shard_get(shard_of(cache, key->hash), key, out, room, needed, uses);
}

void cache_put(struct cache *cache, const struct cache_key *key, const struct dns_answer *answer)
{
	struct shard *shard = shard_of(cache, key->hash);

	(void)pthread_mutex_lock(&shard->lock);
	shard_put(shard, key, answer);
	(void)pthread_mutex_unlock(&shard->lock);
}

void cache_drop(struct cache *cache, const struct cache_key *key)
{
	struct shard *shard = shard_of(cache, key->hash);

	(void)pthread_mutex_lock(&shard->lock);
	shard_drop(shard, key);
	(void)pthread_mutex_unlock(&shard->lock);
}

void cache_clear(struct cache *cache)
{
	for (uint32_t i = 0; i < cache->shard_count; i++) {
		struct shard *shard = &cache->shards[i];

		(void)pthread_mutex_lock(&shard->lock);
		shard_empty(shard);
		/* Nobody reads there any more; without this it would only be memory not given back.
		 */
		(void)fallocate(cache->memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		                (off_t)shard_begins(cache, i), (off_t)cache->shard_bytes);
		(void)pthread_mutex_unlock(&shard->lock);
	}
}

void cache_keep_stale(struct cache *cache, uint32_t seconds)
{
	for (uint32_t i = 0; i < cache->shard_count; i++) {
		struct shard *shard = &cache->shards[i];

		(void)pthread_mutex_lock(&shard->lock);
		shard->keep_stale = seconds;
		(void)pthread_mutex_unlock(&shard->lock);
	}
}

void cache_statistics(const struct cache *cache, struct cache_statistics *ret)
{
	*ret = (struct cache_statistics){0};
	for (uint32_t i = 0; i < cache->shard_count; i++) {
		struct shard *shard = &cache->shards[i];

		(void)pthread_mutex_lock(&shard->lock);
		for (unsigned kind = 0; kind < 2; kind++) {
			ret->entries[kind] += shard->entries[kind];
			ret->evictions[kind] += shard->evictions[kind];
		}
		ret->bytes += shard->bytes;
		ret->capacity += (uint64_t)shard->units * SHARD_UNIT;
		(void)pthread_mutex_unlock(&shard->lock);
	}
}
