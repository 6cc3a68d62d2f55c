/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/serve/flights.h"

#define LANES 64 /* powers of two */
#define LANE_BUCKETS 16

/* Workers meet at one lock only when their questions are of one lane. */
struct lane {
	_Alignas(64) pthread_mutex_t lock;
	struct flight *buckets[LANE_BUCKETS];
};

/* What there is for one worker. Its lock is held while it is woken: who has left is not. */
struct box {
	_Alignas(64) pthread_mutex_t lock;
	void (*wake)(void *context); /* NULL: it is not there */
	void *context;
	struct flight_news *news;
	bool lost;
	_Atomic uint64_t beat;
};

struct flights {
	struct lane lanes[LANES];
	struct box boxes[FLIGHTS_WORKERS];
	_Atomic size_t news_bytes;
};

/* One block for all who are told the same. The answer stands behind the news. */
struct flight_told {
	_Atomic unsigned readers;
	size_t size;
	uint8_t name[DNS_NAME_MAX];
	struct flight_news news[];
};

struct flights *flights_new(void)
{
	struct flights *flights = aligned_alloc(64, sizeof(*flights));
	if (!flights)
		return NULL;
	memset(flights, 0, sizeof(*flights));
	for (unsigned i = 0; i < LANES; i++)
		pthread_mutex_init(&flights->lanes[i].lock, NULL);
	for (unsigned i = 0; i < FLIGHTS_WORKERS; i++)
		pthread_mutex_init(&flights->boxes[i].lock, NULL);
	return flights;
}

void flights_free(struct flights *flights)
{
	for (unsigned i = 0; flights && i < LANES; i++)
		pthread_mutex_destroy(&flights->lanes[i].lock);
	for (unsigned i = 0; flights && i < FLIGHTS_WORKERS; i++)
		pthread_mutex_destroy(&flights->boxes[i].lock);
	free(flights);
}

void flights_join(struct flights *flights, unsigned worker, void (*wake)(void *context),
                  void *context)
{
	struct box *box = &flights->boxes[worker];
	pthread_mutex_lock(&box->lock);
	box->wake = wake;
	box->context = context;
	pthread_mutex_unlock(&box->lock);
}

void flights_leave(struct flights *flights, unsigned worker)
{
	struct box *box = &flights->boxes[worker];
	pthread_mutex_lock(&box->lock);
	box->wake = NULL;
	pthread_mutex_unlock(&box->lock);
	bool lost;
	struct flight_news *news = flights_take(flights, worker, &lost);
	while (news) {
		struct flight_news *next = news->next;
		flight_news_free(flights, news);
		news = next;
	}
}

void flights_beat(struct flights *flights, unsigned worker, uint64_t now)
{
	flights->boxes[worker].beat = now;
}

/* Bits that neither the cache nor a worker's own table begins with. */
static struct lane *lane_of(struct flights *flights, const struct cache_key *key)
{
	return &flights->lanes[key->hash >> 16 & (LANES - 1)];
}

static struct flight **find(struct lane *lane, const struct cache_key *key)
{
	struct flight **link = &lane->buckets[key->hash >> 24 & (LANE_BUCKETS - 1)];
	while (*link && !cache_key_equal((*link)->key, key))
		link = &(*link)->next;
	return link;
}

bool flight_begin(struct flights *flights, struct flight *flight, const struct cache_key *key,
                  unsigned worker, uint64_t since)
{
	struct lane *lane = lane_of(flights, key);
	pthread_mutex_lock(&lane->lock);
	struct flight **link = find(lane, key);
	struct flight *other = *link;
	bool mine = !other || flights->boxes[other->worker].beat < since;
	if (mine) {
		*flight = (struct flight){.key = key, .worker = worker, .listed = true};
		if (other) {
			flight->next = other->next;
			flight->followers = other->followers;
			other->listed = false;
		}
		*link = flight;
	} else {
		other->followers |= UINT64_C(1) << worker;
	}
	pthread_mutex_unlock(&lane->lock);
	return mine;
}

/* Returns the workers that follow it. */
static uint64_t land(struct flights *flights, struct flight *flight)
{
	uint64_t followers = 0;
	struct lane *lane = lane_of(flights, flight->key);
	pthread_mutex_lock(&lane->lock);
	if (flight->listed) {
		*find(lane, flight->key) = flight->next;
		flight->listed = false;
		followers = flight->followers;
	}
	pthread_mutex_unlock(&lane->lock);
	return followers;
}

/* Copies of news for so many; NULL: no memory, or too much of it. */
static struct flight_told *tell(struct flights *flights, const struct flight_news *news,
                                unsigned count)
{
	size_t size = sizeof(struct flight_told) + count * sizeof(struct flight_news) +
	              news->answer->size;
	if (atomic_fetch_add(&flights->news_bytes, size) + size > FLIGHTS_NEWS_BYTES)
		goto fail;
	struct flight_told *told = malloc(size);
	if (!told)
		goto fail;
	told->readers = count + 1; /* and the teller */
	told->size = size;
	void *answer = &told->news[count];
	memcpy(answer, news->answer, news->answer->size);
	memcpy(told->name, news->key.name, news->key.name_length);
	for (unsigned i = 0; i < count; i++) {
		told->news[i] = *news;
		told->news[i].key.name = told->name;
		told->news[i].answer = answer;
		told->news[i].told = told;
	}
	return told;
fail:
	atomic_fetch_sub(&flights->news_bytes, size);
	return NULL;
}

/* news: NULL: it is lost. Returns false: the worker is not there. */
static bool put(struct flights *flights, unsigned worker, struct flight_news *news)
{
	struct box *box = &flights->boxes[worker];
	pthread_mutex_lock(&box->lock);
	bool there = box->wake;
	if (there && news) {
		news->next = box->news;
		box->news = news;
	} else if (there) {
		box->lost = true;
	}
	if (there)
		box->wake(box->context);
	pthread_mutex_unlock(&box->lock);
	return there;
}

static void release(struct flights *flights, struct flight_told *told, unsigned readers)
{
	if (atomic_fetch_sub(&told->readers, readers) > readers)
		return;
	atomic_fetch_sub(&flights->news_bytes, told->size);
	free(told);
}

void flight_end(struct flights *flights, struct flight *flight, const struct dns_answer *answer,
                enum count_source source, bool kept)
{
	uint64_t followers = land(flights, flight);
	unsigned count = (unsigned)__builtin_popcountll(followers);
	const struct flight_news news = {
		.key = *flight->key,
		.answer = answer,
		.source = source,
		.kept = kept,
	};
	struct flight_told *told = count > 0 && answer ? tell(flights, &news, count) : NULL;
	unsigned back = 1; /* our own */
	for (unsigned i = 0; i < count; i++) {
		unsigned worker = (unsigned)__builtin_ctzll(followers);
		followers &= followers - 1;
		back += !put(flights, worker, told ? &told->news[i] : NULL);
	}
	if (told)
		release(flights, told, back);
}

struct flight_news *flights_take(struct flights *flights, unsigned worker, bool *lost)
{
	struct box *box = &flights->boxes[worker];
	pthread_mutex_lock(&box->lock);
	struct flight_news *news = box->news;
	*lost = box->lost;
	box->news = NULL;
	box->lost = false;
	pthread_mutex_unlock(&box->lock);
	return news;
}

void flight_news_free(struct flights *flights, struct flight_news *news)
{
	release(flights, news->told, 1);
}
