/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/dns_answers.h"

/* Random answers, all of whose records belong to the question and are in order: a client must get
 * every one of them as it was. */

#define ROUNDS 3000
#define LINES_MAX 120
#define LINE_SIZE 400
#define TEXT_SIZE (LINES_MAX * LINE_SIZE)

struct lines {
	char text[LINES_MAX][LINE_SIZE];
	size_t count;
};

static uint64_t random_state;

static unsigned below(unsigned limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(random_state >> 33) % limit;
}

static void seed(void)
{
	const char *text = getenv("PODSG_SEED");
	random_state = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
	print_message("PODSG_SEED=%llu\n", (unsigned long long)random_state);
}

/* Few labels, so that names have ends in common; one is long. */
static const char *random_name(char buffer[static 256])
{
	static const char *const labels[] = {"a",
	                                     "b",
	                                     "mail",
	                                     "x-y_z",
	                                     "\\001",
	                                     "\\255a",
	                                     "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd"};
	int used = 0;
	for (unsigned i = below(4); i > 0; i--)
		used += snprintf(buffer + used, 256 - (size_t)used, "%s.", labels[below(7)]);
	(void)snprintf(buffer + used, 256 - (size_t)used, "example.");
	return buffer;
}

__attribute__((format(printf, 2, 3))) static void add(struct lines *lines, const char *format, ...)
{
	va_list arguments;
	assert_true(lines->count < LINES_MAX);
	va_start(arguments, format);
	int length = vsnprintf(lines->text[lines->count++], LINE_SIZE, format, arguments);
	va_end(arguments);
	assert_true(length < LINE_SIZE);
}

static void add_records(struct lines *lines, const char *owner, const char *type)
{
	char name[256], other[256];
	for (unsigned i = 1 + below(12); i > 0; i--) {
		unsigned ttl = 1000 + below(80000);
		if (strcmp(type, "A") == 0)
			add(lines, "answer %s %u A 10.0.%u.%u\n", owner, ttl, below(256), i);
		else if (strcmp(type, "MX") == 0)
			add(lines, "answer %s %u MX %u %s\n", owner, ttl, i, random_name(name));
		else if (strcmp(type, "SRV") == 0)
			add(lines, "answer %s %u SRV 1 2 %u %s\n", owner, ttl, i,
			    random_name(name));
		else if (strcmp(type, "NAPTR") == 0)
			add(lines, "answer %s %u NAPTR 1 %u s t r %s\n", owner, ttl, i,
			    random_name(name));
		else if (strcmp(type, "SOA") == 0)
			add(lines, "answer %s %u SOA %s %s 1 2 3 4 %u\n", owner, ttl,
			    random_name(name), random_name(other), i);
		else
			add(lines, "answer %s %u TYPE65280 %08x\n", owner, ttl, below(1u << 31));
	}
	if (below(2))
		add(lines, "answer %s %u RRSIG %s 8 1 2 3 4 5 example. 0a0b\n", owner,
		    1000 + below(9), type);
}

/* A chain whose links are "N-" and the name before; returns its end. */
static const char *add_chain(struct lines *lines, const char *question, char end[static 512])
{
	size_t at = 5 * 2;
	memset(end, '-', at);
	(void)snprintf(end + at, 512 - at, "%s", question);
	for (unsigned i = below(5); i > 0; i--, at -= 2) {
		end[at - 2] = (char)('0' + i);
		add(lines, "answer %s %u CNAME %s\n", end + at, 1000 + below(9), end + at - 2);
	}
	return end + at;
}

static void join(const struct lines *lines, char *ret)
{
	for (size_t i = 0; i < lines->count; i++)
		ret += sprintf(ret, "%s", lines->text[i]);
}

static void every_record_comes_through(void **state)
{
	static const char *const types[] = {"A", "MX", "SRV", "NAPTR", "SOA", "TYPE65280"};
	static const struct dns_reply_form form = {
		.now = 1000,
		.ede = DNS_EDE_NONE,
		.limit = DNS_MESSAGE_MAX,
	};
	static char upstream[TEXT_SIZE], expected[TEXT_SIZE];
	static struct lines lines;
	(void)state;
	seed();
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct arena *arena = arena_new(8u << 20);
		char question[256], chain[512], query[512];
		const char *type = types[below(6)];
		assert_non_null(arena);
		lines.count = 0;
		(void)snprintf(query, sizeof(query), "header 9 rd\nquestion %s %s\n",
		               random_name(question), type);
		const char *end = add_chain(&lines, question, chain);
		add_records(&lines, end, type);
		add(&lines, "authority %s 5000 NS ns.%s\n", end, end);
		add(&lines, "additional ns.%s 5000 A 10.9.9.9\n", end);
		int used = snprintf(upstream, sizeof(upstream), "header 1 qr ra\nquestion %s %s\n",
		                    question, type);
		join(&lines, upstream + used);
		used = snprintf(expected, sizeof(expected), "header 9 qr rd ra\nquestion %s %s\n",
		                question, type);
		join(&lines, expected + used);
		assert_string_equal(reply_text(query, answer_of(upstream, arena), &form), expected);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_comes_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
