/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_COUNTERS_H
#define PODSG_DNS_COUNTERS_H

/*
 * What is counted on the hot path. Every counter has one writer, a worker, and is read by the main
 * thread for /metrics: relaxed loads and stores, no locked instruction.
 */

#include "dnscache/wire/dns.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT_TYPES 19     /* those that CoreDNS names, and "other" */
#define COUNT_RCODES 24    /* the last: all above */
#define COUNT_SIZES 15     /* 0 … 64e3 bytes, and above */
#define COUNT_DURATIONS 17 /* 0.25 ms * 2^n, and above */

typedef _Atomic uint64_t tally_value;

static inline void tally_add(tally_value *tally, uint64_t more)
{
	atomic_store_explicit(tally, atomic_load_explicit(tally, memory_order_relaxed) + more,
	                      memory_order_relaxed);
}

static inline uint64_t tally_read(const tally_value *tally)
{
	return atomic_load_explicit(tally, memory_order_relaxed);
}

enum count_protocol { COUNT_UDP, COUNT_TCP, COUNT_PROTOCOLS };
enum count_family { COUNT_IPV4, COUNT_IPV6, COUNT_FAMILIES };
/* Which part of us made an answer: CoreDNS's label "plugin". */
enum count_source {
	COUNT_FROM_CACHE,
	COUNT_FROM_FORWARD,
	COUNT_FROM_HOSTS,
	COUNT_FROM_TEMPLATE,
	COUNT_FROM_US,
	COUNT_SOURCES
};
extern const char *const count_source_names[COUNT_SOURCES];

struct count_sizes {
	tally_value bucket[COUNT_SIZES]; /* each above the bound before */
	tally_value sum;                 /* bytes */
};

/* Of one zone at one address, and one worker. */
struct zone_counters {
	tally_value requests[COUNT_PROTOCOLS][COUNT_FAMILIES][COUNT_TYPES];
	tally_value dnssec_ok;
	struct count_sizes request_size[COUNT_PROTOCOLS];
	struct count_sizes response_size[COUNT_PROTOCOLS];
	tally_value responses[COUNT_SOURCES][COUNT_RCODES];
	tally_value duration[COUNT_DURATIONS];
	tally_value duration_sum; /* microseconds */
	tally_value cache_requests;
	tally_value cache_hits[2]; /* success, denial */
	tally_value cache_misses;
	tally_value cache_prefetches;
	tally_value cache_drops; /* answers to another question */
	tally_value cache_stale;
	tally_value dns64_translated;
	tally_value template_matches[COUNT_TYPES];
	tally_value template_failures[COUNT_TYPES];        /* not expanded */
	tally_value template_record_failures[COUNT_TYPES]; /* to no record */
};

enum refusal {
	REFUSAL_GROUPS,
	REFUSAL_STRICT,
	REFUSAL_RATE,
	REFUSAL_OUTSTANDING,
	REFUSAL_ZONE,
	REFUSAL_RECURSION,
	REFUSALS
};
extern const char *const refusal_names[REFUSALS];

/* Of one worker. */
struct worker_counters {
	tally_value refused[REFUSALS];
	tally_value coalesced;  /* queries that joined a question that was in flight */
	tally_value overloaded; /* answered SERVFAIL, or stale, because too much was in flight */
	tally_value dropped;    /* runts and answers: never answered */
	tally_value malformed;  /* FORMERR, NOTIMP, BADVERS, another class */
	tally_value tcp_accepted, tcp_refused;
	tally_value send_failures;
	tally_value ticks; /* of its loop: the main thread sees that it lives */
	_Atomic uint32_t in_flight, waiting, connections; /* now */
};

unsigned count_type(uint16_t type); /* index into requests */
const char *count_type_name(unsigned index);
extern const double count_size_bounds[COUNT_SIZES - 1];
void count_size(struct count_sizes *sizes, size_t bytes);
/* microseconds */
void count_duration(struct zone_counters *zone, uint64_t microseconds, unsigned times);

#endif
