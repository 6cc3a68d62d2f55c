/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/log.h"
#include "dnscache/corefile/directives.h"

#define DAY 86400000U
#define OPTIONS(list) (list), sizeof(list) / sizeof((list)[0])

static void set_classes(struct corefile_reader *reader, const struct corefile_option *option,
                        const struct corefile_words *words, void *target)
{
	static const char *const names[] = {
		[LOG_CLASS_SUCCESS] = "success",
		[LOG_CLASS_DENIAL] = "denial",
		[LOG_CLASS_ERROR] = "error",
		[LOG_CLASS_ALL] = "all",
	};
	struct log_settings *log = target;

	(void)option;
	for (size_t i = 1; i < words->count; i++) {
		size_t class = 0;

		while (class <= LOG_CLASS_ALL && strcmp(words->list[i].text, names[class]) != 0)
			class ++;
		if (class > LOG_CLASS_ALL)
			corefile_refuse(reader, words, i, "expected success, denial, error or all");
		else
			log->classes |= 1U << class;
	}
}

static bool is_field(const char *text, size_t length)
{
	static const char *const fields[] = {
		"{type}",  "{name}", "{class}",   "{proto}",  "{remote}",   "{port}",
		"{local}", "{size}", "{rcode}",   "{rsize}",  "{>rflags}",  "{>bufsize}",
		"{>do}",   "{>id}",  "{>opcode}", "{common}", "{combined}", "{duration}",
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strlen(fields[i]) == length && memcmp(fields[i], text, length) == 0)
			return true;
	}
	return false;
}

static void read_format(struct corefile_reader *reader, const struct corefile_words *line,
                        size_t word, struct log_settings *log)
{
	log->format = line->list[word].text;
	for (const char *at = strchr(log->format, '{'); at; at = strchr(at + 1, '{')) {
		const char *end = strchr(at, '}');

		if (!end || !is_field(at, (size_t)(end - at) + 1)) {
			corefile_refuse(reader, line, word,
			                "%.*s is not supported, expected {common}, {combined}, "
			                "{type}, {name}, {class}, {proto}, {remote}, {port}, "
			                "{local}, {size}, {rcode}, {rsize}, {duration}, {>id}, "
			                "{>opcode}, {>do}, {>bufsize} or {>rflags}",
			                end && end - at < 32 ? (int)(end - at) + 1 : 1, at);
			return;
		}
	}
}

void directive_log(struct corefile_reader *reader, const struct corefile_directive *directive,
                   struct server_block *block)
{
	static const struct corefile_option options[] = {
		COREFILE_OPTION("class", set_classes, 1, COREFILE_MANY,
	                        "success|denial|error|all…"),
	};
	struct corefile_words names = directive->line;
	struct log_settings *log = &block->log;

	log->present = true;
	log->format = "{common}";
	if (names.count > 1 && strchr(names.list[names.count - 1].text, '{'))
		read_format(reader, &directive->line, --names.count, log);
	corefile_zones(reader, &names, 1, &log->names, &log->name_count);
	corefile_read_options(reader, directive, OPTIONS(options), log);
	if (log->classes == 0)
		log->classes = 1U << LOG_CLASS_ALL;
}

static void set_stacktrace(struct corefile_reader *reader, const struct corefile_option *option,
                           const struct corefile_words *words, void *target)
{
	struct errors_settings *errors = target;

	(void)option;
	errors->stacktrace = true;
	corefile_warn(reader, &words->list[0], "errors: stacktrace has no effect");
}

static int find_level(const char *name)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",
		[LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};

	for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
		if (strcmp(name, names[i]) == 0)
			return i;
	}
	return -1;
}

static void set_consolidate(struct corefile_reader *reader, const struct corefile_option *option,
                            const struct corefile_words *words, void *target)
{
	struct errors_settings *errors = target;
	struct errors_consolidation *one = corefile_append(
		reader, &errors->consolidations, &errors->consolidation_count, sizeof(*one));
	struct error why = {0};

	(void)option;
	if (!one)
		return;
	*one = (struct errors_consolidation){.text = words->list[2].text, .level = LOG_LEVEL_ERROR};
	(void)corefile_duration(reader, words, 1, 1, DAY, &one->duration);
	if (words->count > 3)
		one->level = find_level(words->list[3].text);
	if (one->level < 0)
		corefile_refuse(reader, words, 3, "expected error, warning, info or debug");
	if (pattern_compile(one->text, reader->arena, &one->pattern, &why) < 0)
		corefile_refuse(reader, words, 2, "%s", why.text);
}

void directive_errors(struct corefile_reader *reader, const struct corefile_directive *directive,
                      struct server_block *block)
{
	static const struct corefile_option options[] = {
		COREFILE_OPTION("stacktrace", set_stacktrace, 0, 0, ""),
		COREFILE_OPTION("consolidate", set_consolidate, 2, 3, "DURATION REGEXP [LEVEL]"),
	};
	const struct corefile_words *line = &directive->line;

	block->errors.present = true;
	if (line->count > 1 && strcmp(line->list[1].text, "stdout") != 0)
		corefile_refuse(reader, line, 1, "expected stdout: errors go to the log");
	corefile_read_options(reader, directive, OPTIONS(options), &block->errors);
}
