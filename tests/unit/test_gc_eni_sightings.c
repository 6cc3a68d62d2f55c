/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/file.h"
#include "hooks/eni-gc/gc_sightings.h"

#define SCOPE "enis:eu-central-1:prod"
#define COOL_DOWN 60000
#define HOUR 3600000LL

static const struct gc_moment now = {.boot = "this", .uptime = 100 * HOUR, .time = 1000 * HOUR};

static void a_sighting_counts_by_the_clock_that_can_be_trusted(void **state)
{
	static const struct {
		const char *what;
		struct gc_moment first;
		int64_t uptime; /* now; 0: that of the constant */
		enum gc_sighting_state state;
		int64_t wait;
	} cases[] = {
		{"just now", {"this", 100 * HOUR, 1000 * HOUR}, 0, GC_SIGHTING_YOUNG, 60000},
		{"a second less", {"this", 100 * HOUR - 59000, 0}, 0, GC_SIGHTING_YOUNG, 1000},
		{"exactly", {"this", 100 * HOUR - 60000, 0}, 0, GC_SIGHTING_RIPE, 0},
		{"the clock was set back",
	         {"this", 99 * HOUR, 2000 * HOUR},
	         0,
	         GC_SIGHTING_RIPE,
	         0},
		{"the clock was set forward",
	         {"this", 100 * HOUR - 1, 0},
	         0,
	         GC_SIGHTING_YOUNG,
	         59999},
		{"an uptime that is not yet",
	         {"this", 101 * HOUR, 0},
	         0,
	         GC_SIGHTING_FUTURE,
	         60000},
		{"two days", {"this", 52 * HOUR, 0}, 0, GC_SIGHTING_RIPE, 0},
		{"more", {"this", 52 * HOUR - 1, 0}, 0, GC_SIGHTING_OLD, 60000},
		{"another boot", {"that", 500 * HOUR, 999 * HOUR}, 0, GC_SIGHTING_RIPE, 0},
		{"another boot, just now",
	         {"that", 1, 1000 * HOUR - 20000},
	         0,
	         GC_SIGHTING_YOUNG,
	         40000},
		{"another boot, in the future",
	         {"that", 1, 1000 * HOUR + 1},
	         0,
	         GC_SIGHTING_FUTURE,
	         60000},
		{"another boot, long ago", {"that", 1, 900 * HOUR}, 0, GC_SIGHTING_OLD, 60000},
		{"the clock jumped when it booted",
	         {"that", 1, 999 * HOUR},
	         10000,
	         GC_SIGHTING_YOUNG,
	         50000},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct gc_sighting sighting = {"eni-1", 7, cases[i].first};
		struct gc_moment moment = now;
		int64_t wait;
		if (cases[i].uptime)
			moment.uptime = cases[i].uptime;
		enum gc_sighting_state found =
			gc_sighting_judge(&sighting, 7, &moment, COOL_DOWN, &wait);
		if (found != cases[i].state || wait != cases[i].wait)
			fail_msg("%s: state %d, wait %" PRId64, cases[i].what, found, wait);
		/* One that was changed begins anew, whenever it was. */
		assert_int_equal(gc_sighting_judge(&sighting, 8, &moment, COOL_DOWN, &wait),
		                 GC_SIGHTING_CHANGED);
		assert_int_equal(wait, COOL_DOWN);
	}
}

static void what_was_not_seen_is_seen_first(void **state)
{
	int64_t wait;
	(void)state;
	assert_int_equal(gc_sighting_judge(NULL, 7, &now, COOL_DOWN, &wait), GC_SIGHTING_FIRST);
	assert_int_equal(wait, COOL_DOWN);
}

static void now_is_later_than_before(void **state)
{
	struct gc_moment first;
	struct gc_moment second;
	(void)state;
	assert_int_equal(gc_moment_now(&first, NULL), 0);
	assert_int_equal(gc_moment_now(&second, NULL), 0);
	assert_string_equal(first.boot, second.boot);
	assert_int_equal(strlen(first.boot), BOOT_ID_SIZE - 1);
	assert_true(second.uptime >= first.uptime && first.uptime > 0);
	assert_true(first.time > 1600000000000);
}

static unsigned seed(void)
{
	const char *text = getenv("PODSG_SEED");
	unsigned value = text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)time(NULL);
	print_message("PODSG_SEED=%u\n", value);
	return value;
}

static uint64_t random_word(unsigned *random)
{
	return (uint64_t)rand_r(random) << 42 ^ (uint64_t)rand_r(random) << 21 ^
	       (uint64_t)rand_r(random);
}

static void fill(struct gc_sightings *sightings, size_t count, unsigned *random)
{
	sightings->items = calloc(count + 1, sizeof(*sightings->items));
	sightings->count = count;
	assert_non_null(sightings->items);
	for (size_t i = 0; i < count; i++) {
		struct gc_sighting *sighting = &sightings->items[i];
		snprintf(sighting->id, sizeof(sighting->id), "eni-%08zx", i);
		sighting->fingerprint = random_word(random);
		sighting->first = (struct gc_moment){.uptime = (int64_t)(random_word(random) >> 24),
		                                     .time = (int64_t)(random_word(random) >> 24)};
		snprintf(sighting->first.boot, sizeof(sighting->first.boot), "boot-%d",
		         rand_r(random) % 3);
	}
}

static char *temporary_directory(void)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/podsg-sightings-XXXXXX");
	assert_non_null(mkdtemp(path));
	return path;
}

/* Member by member: what lies between them is nobody's. */
static void assert_same(const struct gc_sighting *a, const struct gc_sighting *b)
{
	assert_string_equal(a->id, b->id);
	assert_true(a->fingerprint == b->fingerprint);
	assert_string_equal(a->first.boot, b->first.boot);
	assert_true(a->first.uptime == b->first.uptime);
	assert_true(a->first.time == b->first.time);
}

static void what_is_saved_is_loaded(void **state)
{
	unsigned random = seed();
	const char *directory = temporary_directory();
	char path[128];
	snprintf(path, sizeof(path), "%s/s.json", directory);
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct gc_sightings saved;
		struct gc_sightings loaded;
		struct error err = {0};
		struct stat status;
		fill(&saved, (size_t)(rand_r(&random) % 100), &random);
		assert_int_equal(gc_sightings_save(path, SCOPE, &saved, &err), 0);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
		if (gc_sightings_load(path, SCOPE, &loaded, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(loaded.count, saved.count);
		for (size_t i = 0; i < saved.count; i++) {
			const struct gc_sighting *found =
				gc_sightings_find(&loaded, saved.items[i].id);
			assert_non_null(found);
			assert_same(found, &saved.items[i]);
		}
		assert_null(gc_sightings_find(&loaded, "eni-0"));
		gc_sightings_done(&saved);
		gc_sightings_done(&loaded);
	}
	unlink(path);
	rmdir(directory);
}

#define HEAD "{\"version\":1,\"scope\":\"" SCOPE "\",\"sightings\":"
#define SIGHTING(id, fingerprint, uptime)                                                          \
	"{\"id\":" id ",\"fingerprint\":" fingerprint ",\"boot\":\"b\",\"uptime\":" uptime         \
	",\"time\":5}"
#define GOOD SIGHTING("\"eni-1\"", "\"0123456789abcdef\"", "1")

static void what_is_broken_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text;
		const char *says; /* NULL: it is good */
	} cases[] = {
		{HEAD "[]}", NULL},
		{HEAD "[" GOOD "]}\n", NULL},
		{HEAD "[\n" GOOD ",\n" SIGHTING("\"\"", "\"0123456789abcdef\"", "1") "]}",
	         "s.json:3: id"},
		{HEAD "[" SIGHTING("5", "\"0123456789abcdef\"", "1") "]}", "id"},
		{HEAD "[" SIGHTING("\"eni-1\"", "\"0123456789abcde\"", "1") "]}", "fingerprint"},
		{HEAD "[" SIGHTING("\"eni-1\"", "\"0123456789abcdefa\"", "1") "]}", "fingerprint"},
		{HEAD "[" SIGHTING("\"eni-1\"", "\"0123456789abcdeg\"", "1") "]}", "fingerprint"},
		{HEAD "[" SIGHTING("\"eni-1\"", "\"0123456789abcdef\"", "-1") "]}", "uptime"},
		{HEAD "[" SIGHTING("\"eni-1\"", "\"0123456789abcdef\"", "1e300") "]}", "uptime"},
		{HEAD "[" SIGHTING("\"eni-1\"", "\"0123456789abcdef\"", "null") "]}", "uptime"},
		{HEAD "[[]]}", "id"},
		{HEAD "[null]}", "id"},
		{HEAD "[" GOOD, ""},
		{HEAD "{}}", ""},
		{HEAD "[]} x", ""},
		{"{}", "not whole"},
		{"{\"version\":1}", "not whole"},
		{"[]", ""},
		{"", ""},
		{"{\"version\":2,\"scope\":\"" SCOPE "\",\"sightings\":[]}", "version"},
		{"{\"version\":1,\"scope\":\"enis:eu-central-1:test\",\"sightings\":[]}", "scope"},
		{"{\"version\":1,\"sightings\":[]}", "expected version, scope, sightings"},
		{"{\"version\":1,\"scope\":\"" SCOPE "\",\"sightings\":[],\"more\":1}",
	         "expected version, scope, sightings"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gc_sightings sightings = {0};
		struct error err = {0};
		int r = gc_sightings_parse("s.json", SCOPE, cases[i].text, strlen(cases[i].text),
		                           &sightings, &err);
		if (r != (cases[i].says ? -EBADMSG : 0))
			fail_msg("case %zu: %d, %s", i, r, err.text);
		if (cases[i].says && !strstr(err.text, cases[i].says))
			fail_msg("case %zu: %s", i, err.text);
		gc_sightings_done(&sightings);
	}
}

static void too_many_are_refused(void **state)
{
	struct buffer text = {.max = 64U << 20};
	struct gc_sightings sightings = {0};
	struct error err = {0};
	(void)state;
	buffer_add_text(&text, HEAD "[" GOOD);
	for (int i = 0; i < GC_SIGHTINGS_MAX; i++)
		buffer_add_text(&text, "," GOOD);
	buffer_add_text(&text, "]}");
	assert_int_equal(
		gc_sightings_parse("s.json", SCOPE, text.text, text.length, &sightings, &err),
		-EBADMSG);
	assert_non_null(strstr(err.text, "too many"));
	buffer_done(&text);
}

/* It would say of what was used meanwhile that it was seen unused all the time. */
static void a_file_that_cannot_be_written_is_removed(void **state)
{
	const char *directory = temporary_directory();
	struct gc_sightings many = {.count = 200000};
	char path[128];
	unsigned random = 1;
	(void)state;
	snprintf(path, sizeof(path), "%s/s.json", directory);
	struct gc_sightings none = {0};
	assert_int_equal(gc_sightings_save(path, SCOPE, &none, NULL), 0);
	fill(&many, many.count, &random);
	assert_int_equal(gc_sightings_save(path, SCOPE, &many, NULL), -EFBIG);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(gc_sightings_load(path, SCOPE, &none, NULL), -ENOENT);
	gc_sightings_done(&many);
	rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sighting_counts_by_the_clock_that_can_be_trusted),
		cmocka_unit_test(what_was_not_seen_is_seen_first),
		cmocka_unit_test(now_is_later_than_before),
		cmocka_unit_test(what_is_saved_is_loaded),
		cmocka_unit_test(what_is_broken_is_refused_with_its_place),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(a_file_that_cannot_be_written_is_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
