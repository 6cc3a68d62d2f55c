/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_SIGHTINGS_H
#define PODSG_GC_SIGHTINGS_H

/*
 * When things that look leaked were first seen so, over runs: what is deleted was there, the same
 * and unused, in two complete lists that are the cool-down apart. A sighting holds only as long as
 * every list in between has the thing; doubt about it makes the present sighting the first one.
 *
 * A file a scope (what is listed). Losing it costs one cool-down and nothing else.
 */

#include "common/error.h"
#include "common/journal.h"
#include "hooks/eni-gc/gc_eni.h"

#define GC_SIGHTINGS_MAX 65536
#define GC_SIGHTINGS_FILE_MAX (16U << 20)  /* bytes */
#define GC_SIGHTING_LASTS (48 * 3600000LL) /* milliseconds; a daily timer may miss a run */

/* A point in time that a clock which somebody sets does not move within one boot. */
struct gc_moment {
	char boot[BOOT_ID_SIZE];
	int64_t uptime; /* milliseconds, with those asleep */
	int64_t time;   /* milliseconds since 1970 */
};

struct gc_sighting {
	char id[GC_ID_MAX + 1];
	uint64_t fingerprint;
	struct gc_moment first;
};

struct gc_sightings {
	struct gc_sighting *items; /* by id */
	size_t count;
};

int gc_moment_now(struct gc_moment *ret, struct error *err);

enum gc_sighting_state {
	GC_SIGHTING_FIRST,
	GC_SIGHTING_YOUNG,   /* the cool-down is not over */
	GC_SIGHTING_RIPE,    /* this is the second one */
	GC_SIGHTING_CHANGED, /* it was something else; FIRST again, as are those below */
	GC_SIGHTING_FUTURE,
	GC_SIGHTING_OLD,
};

const char *gc_sighting_doubt(enum gc_sighting_state state); /* "" where there is none */

/*
 * cool_down and *ret_wait, until it will be ripe: milliseconds. Within one boot the uptime counts.
 * Of another boot, or another machine, the clock has to say that the cool-down is over, and this
 * boot alone has to be as old.
 */
enum gc_sighting_state gc_sighting_judge(const struct gc_sighting *sighting, uint64_t fingerprint,
                                         const struct gc_moment *now, int64_t cool_down,
                                         int64_t *ret_wait);

/* NULL: it has not been seen. */
const struct gc_sighting *gc_sightings_find(const struct gc_sightings *sightings, const char *id);

/*
 * -ENOENT: there is no file; -EBADMSG, -EFBIG: it is not what gc_sightings_save() writes, or not of
 * this scope.
 */
int gc_sightings_load(const char *path, const char *scope, struct gc_sightings *ret,
                      struct error *err);
int gc_sightings_parse(const char *name, const char *scope, const char *text, size_t length,
                       struct gc_sightings *ret, struct error *err);
/* Where it fails, the old file is removed if that can be: it does not know what was seen since. */
int gc_sightings_save(const char *path, const char *scope, const struct gc_sightings *sightings,
                      struct error *err);
void gc_sightings_done(struct gc_sightings *sightings);

#endif
