/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_FLIGHTS_H
#define PODSG_DNS_FLIGHTS_H

/*
 * Questions in flight, over all workers: the kernel spreads clients over workers, so that several
 * of them want the answer to one question. One asks; the others follow and are told what it got.
 */

#include "dnscache/cache/cache.h"
#include "dnscache/tell/counters.h"

#define FLIGHTS_WORKERS 64
/* Of answers on their way from worker to worker, all together. Beyond that those who follow are
 * told to look for themselves. */
#define FLIGHTS_NEWS_BYTES (1u << 20)

struct flights;

/* A question that a worker asks: part of what the worker keeps of it, and zeros at first. */
struct flight {
	struct flight *next;
	const struct cache_key *key;
	uint64_t followers; /* workers, a bit each */
	unsigned worker;    /* whose it is */
	bool listed;        /* until it ends or another one takes its place */
};

/* For one worker: the end of a question that it follows. */
struct flight_news {
	struct flight_news *next;
	struct cache_key key;
	const struct dns_answer *answer;
	enum count_source source;
	bool kept; /* in the cache, if it may be */
	struct flight_told *told;
};

struct flights *flights_new(void); /* NULL: no memory */
void flights_free(struct flights *flights);

/* From now on, wake is called, by any thread, when there is something for this worker; until it
 * leaves, with no question in flight. */
void flights_join(struct flights *flights, unsigned worker, void (*wake)(void *context),
                  void *context);
void flights_leave(struct flights *flights, unsigned worker);

/* Its sign of life; milliseconds. */
void flights_beat(struct flights *flights, unsigned worker, uint64_t now);

/*
 * Returns true: nobody asks this; the caller does, key stays where it is until flight_end(). Or
 * false: somebody does, and the caller will be told. Who has given no sign of life since then has
 * lost the question and its followers to the caller.
 */
bool flight_begin(struct flights *flights, struct flight *flight, const struct cache_key *key,
                  unsigned worker, uint64_t since);
/* What is to be found in the cache is there before. answer: NULL where it says nothing to others,
 * who look for themselves then. */
void flight_end(struct flights *flights, struct flight *flight, const struct dns_answer *answer,
                enum count_source source, bool kept);

/* All that there is for this worker, each to be freed. *lost: something was not to be told, so all
 * that the worker follows has to be begun anew. */
struct flight_news *flights_take(struct flights *flights, unsigned worker, bool *lost);
void flight_news_free(struct flights *flights, struct flight_news *news);

#endif
