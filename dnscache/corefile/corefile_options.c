/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/buffer.h"
#include "dnscache/corefile/corefile_reader.h"

#define CHOICES_MAX 300

static void *slot(void *target, const struct corefile_option *option)
{
	return (char *)target + option->offset;
}

void corefile_set_flag(struct corefile_reader *reader, const struct corefile_option *option,
                       const struct corefile_words *words, void *target)
{
	(void)reader;
	(void)words;
	*(bool *)slot(target, option) = true;
}

void corefile_set_number(struct corefile_reader *reader, const struct corefile_option *option,
                         const struct corefile_words *words, void *target)
{
	(void)corefile_number(reader, words, 1, option->low, option->high, slot(target, option));
}

void corefile_set_duration(struct corefile_reader *reader, const struct corefile_option *option,
                           const struct corefile_words *words, void *target)
{
	(void)corefile_duration(reader, words, 1, option->low, option->high, slot(target, option));
}

static void refuse_unknown(struct corefile_reader *reader, const struct corefile_words *words,
                           const struct corefile_option *options, size_t count)
{
	struct buffer choices = {.max = CHOICES_MAX};

	for (size_t i = 0; i < count; i++) {
		if (options[i].set)
			buffer_add_format(&choices, "%s%s", choices.length > 0 ? ", " : "",
			                  options[i].name);
	}
	corefile_refuse(reader, words, 0, "unknown option, expected one of %s",
	                choices.text ? choices.text : "none");
	buffer_done(&choices);
}

static const struct corefile_option *find(const struct corefile_option *options, size_t count,
                                          const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	}
	return NULL;
}

void corefile_read_options(struct corefile_reader *reader,
                           const struct corefile_directive *directive,
                           const struct corefile_option *options, size_t count, void *target)
{
	for (size_t i = 0; i < directive->option_count && reader->failed == 0; i++) {
		const struct corefile_words *words = &directive->options[i];
		const struct corefile_option *option = find(options, count, words->list[0].text);

		if (!option)
			refuse_unknown(reader, words, options, count);
		else if (!option->set)
			corefile_refuse(reader, words, 0, "not supported: %s", option->usage);
		else if (words->count - 1 < option->min || words->count - 1 > option->max)
			corefile_refuse(reader, words, 0, "expected %s%s%s", option->name,
			                option->max > 0 ? " " : " alone", option->usage);
		else
			option->set(reader, option, words, target);
	}
}
