/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dnscache/plugin/loadbalance.h"
#include "tests/unit/dns_messages.h"
#include "tests/unit/dns_records_text.h"

/* lines as upstream sent them; wanted, as the client gets them after so many turns. */
static void check(const char *name, const char *type, const char *header, const char *lines,
                  uint32_t turn, const char *wanted)
{
	const struct dns_question question = question_about(name, type);
	struct arena *arena = arena_new(1 << 20);
	struct dns_records records;
	uint8_t *message;
	const char *text;
	size_t size;

	records_answering(&question, header, lines, arena, &records);
	message = records_message(&records, &size);
	loadbalance_rotate(message, size, turn);
	text = strchr(strstr(message_text(message, size), "question "), '\n') + 1;
	if (strncmp(text, wanted, strlen(wanted)) != 0 ||
	    strncmp(text + strlen(wanted), "opt ", 4) != 0)
		fail_msg("turn %u: %s", turn, text);
	arena_free(arena);
}

static void addresses_are_turned_round(void **state)
{
	static const char three[] = "answer a.example. 9 A 10.0.0.1\n"
				    "answer a.example. 9 A 10.0.0.2\n"
				    "answer a.example. 9 A 10.0.0.3\n";

	(void)state;
	check("a.example.", "A", "", three, 0, three);
	check("a.example.", "A", "", three, 1,
	      "answer a.example. 9 A 10.0.0.2\n"
	      "answer a.example. 9 A 10.0.0.3\n"
	      "answer a.example. 9 A 10.0.0.1\n");
	check("a.example.", "A", "", three, 3 * 1431655765u - 1,
	      "answer a.example. 9 A 10.0.0.3\n"
	      "answer a.example. 9 A 10.0.0.1\n"
	      "answer a.example. 9 A 10.0.0.2\n");
	check("a.example.", "AAAA", "",
	      "answer a.example. 9 AAAA 2001:db8::1\nanswer a.example. 9 AAAA 2001:db8::2\n", 1,
	      "answer a.example. 9 AAAA 2001:db8::2\nanswer a.example. 9 AAAA 2001:db8::1\n");
}

static void a_record_keeps_its_TTL(void **state)
{
	(void)state;
	check("a.example.", "A", "",
	      "answer a.example. 9 A 10.0.0.1\nanswer a.example. 20 A 10.0.0.2\n", 1,
	      "answer a.example. 20 A 10.0.0.2\nanswer a.example. 9 A 10.0.0.1\n");
}

static void CNAMEs_stay_in_front(void **state)
{
	(void)state;
	check("a.example.", "A", "",
	      "answer a.example. 9 CNAME b.elsewhere.\n"
	      "answer b.elsewhere. 9 CNAME c.elsewhere.\n"
	      "answer c.elsewhere. 9 A 10.0.0.1\n"
	      "answer c.elsewhere. 9 A 10.0.0.2\n",
	      1,
	      "answer a.example. 9 CNAME b.elsewhere.\n"
	      "answer b.elsewhere. 9 CNAME c.elsewhere.\n"
	      "answer c.elsewhere. 9 A 10.0.0.2\n"
	      "answer c.elsewhere. 9 A 10.0.0.1\n");
}

static void MX_records_of_any_length_are_turned(void **state)
{
	(void)state;
	check("a.example.", "MX", "",
	      "answer a.example. 9 MX 10 mx1.a.example.\n"
	      "answer a.example. 9 MX 20 the-other-one.a.example.\n"
	      "answer a.example. 9 MX 30 third.\n",
	      1,
	      "answer a.example. 9 MX 20 the-other-one.a.example.\n"
	      "answer a.example. 9 MX 30 third.\n"
	      "answer a.example. 9 MX 10 mx1.a.example.\n");
}

/* alt1's name is written as a pointer into the first MX; and so is the owner of an address. */
static void MX_records_that_others_lean_on_stay(void **state)
{
	static const char leaning[] = "answer a.example. 9 MX 10 aspmx.l.google.com.\n"
				      "answer a.example. 9 MX 20 alt1.aspmx.l.google.com.\n";
	static const char addressed[] = "answer a.example. 9 MX 10 mx1.elsewhere.\n"
					"answer a.example. 9 MX 20 mx2.a.example.\n"
					"additional mx1.elsewhere. 9 A 10.0.0.1\n";

	(void)state;
	check("a.example.", "MX", "", leaning, 1, leaning);
	check("a.example.", "MX", "", addressed, 1, addressed);
}

static void other_records_and_sections_stay(void **state)
{
	static const char kept[] = "answer a.example. 9 TXT x\n"
				   "answer a.example. 9 TXT y\n"
				   "authority a.example. 9 NS ns1.a.example.\n"
				   "authority a.example. 9 NS ns2.a.example.\n"
				   "additional ns1.a.example. 9 A 10.0.0.1\n"
				   "additional ns1.a.example. 9 A 10.0.0.2\n";

	(void)state;
	check("a.example.", "TXT", "", kept, 1, kept);
	check("a.example.", "A", "",
	      "answer a.example. 9 A 10.0.0.1\n"
	      "answer a.example. 9 A 10.0.0.2\n"
	      "additional b.example. 9 A 10.0.0.3\n"
	      "additional b.example. 9 A 10.0.0.4\n",
	      1,
	      "answer a.example. 9 A 10.0.0.2\n"
	      "answer a.example. 9 A 10.0.0.1\n"
	      "additional b.example. 9 A 10.0.0.3\n"
	      "additional b.example. 9 A 10.0.0.4\n");
}

static void an_error_stays(void **state)
{
	static const char kept[] = "answer a.example. 9 CNAME b.example.\n"
				   "answer b.example. 9 A 10.0.0.1\n"
				   "answer b.example. 9 A 10.0.0.2\n";

	(void)state;
	check("a.example.", "A", "rcode=3", kept, 1, kept);
}

static unsigned first_seed(void)
{
	const char *set = getenv("PODSG_SEED");
	unsigned seed = set ? (unsigned)strtoul(set, NULL, 10) : (unsigned)time(NULL);

	(void)printf("seed %u\n", seed);
	return seed;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

#define TEXT_MAX 8192

/* The lines of a message, in no order. */
static void sort_lines(const uint8_t *message, size_t size, char ret[static TEXT_MAX])
{
	char text[TEXT_MAX];
	char *lines[64] = {NULL};
	size_t count = 0;
	char *rest = text;

	(void)snprintf(text, sizeof(text), "%s", message_text(message, size));
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		lines[count++] = line;
	qsort(lines, count, sizeof(*lines), compare_lines);
	for (size_t i = 0, at = 0; i < count; i++)
		at += (size_t)snprintf(ret + at, TEXT_MAX - at, "%s\n", lines[i]);
}

static void add_random_record(char *text, unsigned *seed)
{
	static const char *const hosts[] = {"mx.a.example.", "b.", "mx.c.b.", "d.mx.c.b.",
	                                    "e.mx.b."};
	const char *host = hosts[(size_t)rand_r(seed) % 5];
	char *end = text + strlen(text);
	unsigned number = (unsigned)rand_r(seed) % 100;

	if (rand_r(seed) % 4 > 0)
		(void)sprintf(end, "answer a.example. 9 MX %u %s\n", number, host);
	else if (rand_r(seed) % 2)
		(void)sprintf(end, "answer a.example. 9 A 10.0.0.%u\n", number);
	else
		(void)sprintf(end, "answer %s 9 AAAA 2001:db8::%u\n", host, number);
}

static void nothing_is_lost_or_changed(void **state)
{
	const struct dns_question question = question_about("a.example.", "ANY");
	unsigned seed = first_seed();

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct arena *arena = arena_new(1 << 20);
		char lines[4096] = "";
		struct dns_records records;
		uint8_t *message;
		char before[TEXT_MAX];
		char after[TEXT_MAX];
		size_t size;

		for (unsigned j = (unsigned)rand_r(&seed) % 8; j > 0; j--)
			add_random_record(lines, &seed);
		records_answering(&question, "", lines, arena, &records);
		message = records_message(&records, &size);
		sort_lines(message, size, before);
		loadbalance_rotate(message, size, (uint32_t)rand_r(&seed));
		sort_lines(message, size, after);
		assert_string_equal(before, after);
		arena_free(arena);
	}
}

/* Whatever is in a message, nothing is read or written behind its end (the sanitizer looks), and
 * nothing in front of the answers changes. */
static void a_message_that_cannot_be_walked_does_no_harm(void **state)
{
	const struct dns_question question = question_about("a.example.", "MX");
	struct arena *arena = arena_new(1 << 20);
	unsigned seed = first_seed();
	struct dns_records records;
	uint8_t *whole;
	size_t size;

	(void)state;
	records_answering(&question, "",
	                  "answer a.example. 9 MX 10 b.\nanswer a.example. 9 MX 20 c.\n"
	                  "answer a.example. 9 A 10.0.0.1\nanswer a.example. 9 A 10.0.0.2\n",
	                  arena, &records);
	whole = records_message(&records, &size);
	for (unsigned i = 0; i < 20000; i++) {
		size_t cut = (size_t)rand_r(&seed) % (size + 1);
		uint8_t *message = malloc(cut > 0 ? cut : 1);

		assert_non_null(message);
		memcpy(message, whole, cut);
		for (unsigned j = (unsigned)rand_r(&seed) % 4; cut > 12 && j > 0; j--)
			message[12 + (size_t)rand_r(&seed) % (cut - 12)] = (uint8_t)rand_r(&seed);
		loadbalance_rotate(message, cut, (uint32_t)rand_r(&seed));
		assert_memory_equal(message, whole, cut < 12 ? cut : 12);
		free(message);
	}
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_turned_round),
		cmocka_unit_test(a_record_keeps_its_TTL),
		cmocka_unit_test(CNAMEs_stay_in_front),
		cmocka_unit_test(MX_records_of_any_length_are_turned),
		cmocka_unit_test(MX_records_that_others_lean_on_stay),
		cmocka_unit_test(other_records_and_sections_stay),
		cmocka_unit_test(an_error_stays),
		cmocka_unit_test(nothing_is_lost_or_changed),
		cmocka_unit_test(a_message_that_cannot_be_walked_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
