/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/corefile/corefile_reader.h"

#define TEXT_MAX 400
#define WARNINGS_MAX 64
#define NANOSECONDS 1000000000ULL

void corefile_no_memory(struct corefile_reader *reader)
{
	if (reader->failed == 0)
		reader->failed = error_set(reader->err, -ENOMEM, "Corefile: out of memory");
}

static void __attribute__((format(printf, 5, 0)))
refuse(struct corefile_reader *reader, const struct corefile_token *token, const char *item,
       const char *value, const char *rule, va_list arguments)
{
	const struct error_place place = {.file = token->file, .line = token->line, .item = item};
	char text[TEXT_MAX];

	if (reader->failed < 0)
		return;
	(void)vsnprintf(text, sizeof(text), rule, arguments);
	reader->failed = error_at(reader->err, -EINVAL, &place, value, "%s", text);
}

void corefile_refuse(struct corefile_reader *reader, const struct corefile_words *words,
                     size_t word, const char *rule, ...)
{
	const struct corefile_token *token = &words->list[word];
	const char *name = words->list[0].text;
	char item[128];
	va_list arguments;

	if (!reader->directive || strcmp(reader->directive, name) == 0)
		(void)snprintf(item, sizeof(item), "%s", name);
	else
		(void)snprintf(item, sizeof(item), "%s: %s", reader->directive, name);
	va_start(arguments, rule);
	refuse(reader, token, item, word > 0 ? token->text : NULL, rule, arguments);
	va_end(arguments);
}

void corefile_refuse_at(struct corefile_reader *reader, const struct corefile_token *token,
                        const char *value, const char *rule, ...)
{
	va_list arguments;

	va_start(arguments, rule);
	refuse(reader, token, NULL, value, rule, arguments);
	va_end(arguments);
}

void corefile_warn(struct corefile_reader *reader, const struct corefile_token *token,
                   const char *format, ...)
{
	char text[TEXT_MAX];
	char whole[TEXT_MAX + 64];
	const char **place;
	va_list arguments;

	if (reader->failed < 0 || reader->warnings.count >= WARNINGS_MAX)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)snprintf(whole, sizeof(whole), "%s:%u: %s", token->file, token->line, text);
	place = vector_push(&reader->warnings);
	if (place)
		*place = arena_strdup(reader->arena, whole);
	if (!place || !*place)
		corefile_no_memory(reader);
}

void corefile_add_path(struct corefile_reader *reader, const char *path)
{
	const char **place;

	for (size_t i = 0; i < reader->paths.count; i++) {
		if (strcmp(((const char **)reader->paths.items)[i], path) == 0)
			return;
	}
	place = vector_push(&reader->paths);
	if (place)
		*place = arena_strdup(reader->arena, path);
	if (!place || !*place)
		corefile_no_memory(reader);
}

void *corefile_append(struct corefile_reader *reader, void *list, size_t *count, size_t size)
{
	char *items;
	char *larger;

	if (reader->failed < 0)
		return NULL;
	memcpy(&items, list, sizeof(items));
	/* A power of two is full. */
	if ((*count & (*count - 1)) == 0) {
		larger = arena_array(reader->arena, *count > 0 ? 2 * *count : 1, size);
		if (!larger) {
			corefile_no_memory(reader);
			return NULL;
		}
		if (*count > 0)
			memcpy(larger, items, *count * size);
		memcpy(list, &larger, sizeof(larger));
		items = larger;
	}
	return items + (*count)++ * size;
}

bool corefile_number(struct corefile_reader *reader, const struct corefile_words *words,
                     size_t word, uint32_t min, uint32_t max, uint32_t *ret)
{
	const char *text = words->list[word].text;
	size_t digits = strspn(text, "0123456789");
	unsigned long long number = digits < 12 ? strtoull(text, NULL, 10) : ULLONG_MAX;

	if (digits == 0 || text[digits] != '\0' || number < min || number > max) {
		corefile_refuse(reader, words, word, "expected a whole number, %u to %u", min, max);
		return false;
	}
	*ret = (uint32_t)number;
	return true;
}

static uint64_t unit_nanoseconds(const char *text, size_t *length)
{
	static const struct {
		const char *name;
		uint64_t nanoseconds;
	} units[] = {{"ns", 1},
	             {"us", 1000},
	             {"µs", 1000},
	             {"μs", 1000},
	             {"ms", 1000000},
	             {"s", NANOSECONDS},
	             {"m", 60 * NANOSECONDS},
	             {"h", 3600 * NANOSECONDS}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		*length = strlen(units[i].name);
		if (strncmp(text, units[i].name, *length) == 0)
			return units[i].nanoseconds;
	}
	return 0;
}

/* "1.5" of a unit. */
static int add_part(const char **text, uint64_t *sum)
{
	size_t whole = strspn(*text, "0123456789");
	const char *fraction = (*text)[whole] == '.' ? *text + whole + 1 : "";
	size_t digits = strspn(fraction, "0123456789");
	uint64_t number = strtoull(*text, NULL, 10);
	uint64_t scale = 1;
	uint64_t part = 0;
	uint64_t unit;
	uint64_t product;
	size_t length;

	if (whole + digits == 0 || whole > 18)
		return -EINVAL;
	*text += whole + ((*text)[whole] == '.' ? 1 : 0) + digits;
	unit = unit_nanoseconds(*text, &length);
	if (unit == 0)
		return -EINVAL;
	*text += length;
	for (size_t i = 0; i < digits && scale < unit; i++) {
		scale *= 10;
		part = part * 10 + (uint64_t)(fraction[i] - '0');
	}
	if (whole == 0)
		number = 0;
	if (__builtin_mul_overflow(number, unit, &product) ||
	    __builtin_add_overflow(*sum, product, sum) ||
	    __builtin_add_overflow(*sum, (uint64_t)((__uint128_t)part * unit / scale), sum))
		return -EINVAL;
	return 0;
}

int corefile_duration_parse(const char *text, uint64_t *ret)
{
	uint64_t sum = 0;

	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return 0;
	}
	do {
		if (add_part(&text, &sum) < 0)
			return -EINVAL;
	} while (*text != '\0');
	*ret = sum;
	return 0;
}

static const char *duration_text(uint32_t milliseconds, char *buffer, size_t size)
{
	if (milliseconds == 0)
		return "0";
	if (milliseconds % 3600000 == 0)
		(void)snprintf(buffer, size, "%uh", milliseconds / 3600000);
	else if (milliseconds % 60000 == 0)
		(void)snprintf(buffer, size, "%um", milliseconds / 60000);
	else if (milliseconds % 1000 == 0)
		(void)snprintf(buffer, size, "%us", milliseconds / 1000);
	else
		(void)snprintf(buffer, size, "%ums", milliseconds);
	return buffer;
}

bool corefile_duration(struct corefile_reader *reader, const struct corefile_words *words,
                       size_t word, uint32_t min, uint32_t max, uint32_t *ret)
{
	char low[24];
	char high[24];
	uint64_t nanoseconds;
	int r = corefile_duration_parse(words->list[word].text, &nanoseconds);

	if (r < 0 || nanoseconds < min * 1000000ULL || nanoseconds > max * 1000000ULL) {
		corefile_refuse(reader, words, word,
		                "expected a duration like 500ms, 30s or 1h30m, %s to %s",
		                duration_text(min, low, sizeof(low)),
		                duration_text(max, high, sizeof(high)));
		return false;
	}
	*ret = (uint32_t)((nanoseconds + 999999) / 1000000);
	return true;
}

static bool is_host(const char *text, size_t length)
{
	char host[64];
	struct prefix address;

	if (length == 0)
		return true;
	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	if (host[0] == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		return strchr(host, ':') != NULL && address_parse(host + 1, &address) == 0;
	}
	return strchr(host, ':') == NULL && address_parse(host, &address) == 0;
}

bool corefile_is_endpoint(const char *text)
{
	const char *colon = strrchr(text, ':');
	const char *port = colon ? colon + 1 : "";
	size_t digits = strspn(port, "0123456789");
	unsigned long number = digits > 0 && digits < 6 ? strtoul(port, NULL, 10) : 0;

	return number > 0 && number <= 65535 && port[digits] == '\0' &&
	       is_host(text, (size_t)(colon - text));
}

const char *corefile_endpoint(struct corefile_reader *reader, const struct corefile_words *words,
                              size_t word)
{
	static const char local[] = "localhost:";
	const char *text = words->list[word].text;
	char replaced[32];

	if (strncmp(text, local, sizeof(local) - 1) == 0) {
		(void)snprintf(replaced, sizeof(replaced), "127.0.0.1:%s",
		               text + sizeof(local) - 1);
		text = replaced;
	}
	if (!corefile_is_endpoint(text)) {
		corefile_refuse(reader, words, word, "expected ADDRESS:PORT or :PORT");
		return NULL;
	}
	text = arena_strdup(reader->arena, text);
	if (!text)
		corefile_no_memory(reader);
	return text;
}

const char *corefile_path(struct corefile_reader *reader, const struct corefile_words *words,
                          size_t word)
{
	const char *text = words->list[word].text;
	char path[PATH_MAX];
	const char *copy;
	int length;

	if (text[0] == '/')
		return text;
	if (!reader->base) {
		corefile_refuse(reader, words, word, "expected an absolute path");
		return NULL;
	}
	length = snprintf(path, sizeof(path), "%s/%s", reader->base, text);
	if (length >= (int)sizeof(path)) {
		corefile_refuse(reader, words, word, "the path is too long");
		return NULL;
	}
	copy = arena_strdup(reader->arena, path);
	if (!copy)
		corefile_no_memory(reader);
	return copy;
}
