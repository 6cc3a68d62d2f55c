/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dnscache/corefile/directives.h"
#include "dnscache/plugin/template.h"

struct texts {
	const char **list;
	size_t count;
};

/* What is read, with the lists that go into it in the end. */
struct reading {
	struct template_settings *settings;
	struct texts matches;
};

static void add_text(struct corefile_reader *reader, const char *text, const char ***list,
                     size_t *count)
{
	const char **place = corefile_append(reader, list, count, sizeof(*place));

	if (place)
		*place = text;
}

static void set_match(struct corefile_reader *reader, const struct corefile_option *option,
                      const struct corefile_words *words, void *target)
{
	struct reading *reading = target;
	struct template_settings *settings = reading->settings;

	(void)option;
	for (size_t i = 1; i < words->count && reader->failed == 0; i++) {
		const struct pattern **place = corefile_append(
			reader, &settings->matches, &settings->match_count, sizeof(*place));
		struct error why = {0};

		add_text(reader, words->list[i].text, &reading->matches.list,
		         &reading->matches.count);
		if (place && pattern_compile(words->list[i].text, reader->arena, place, &why) < 0)
			corefile_refuse(reader, words, i, "%s", why.text);
	}
}

static void add_templates(struct corefile_reader *reader, const struct corefile_words *words,
                          const char ***list, size_t *count)
{
	for (size_t i = 1; i < words->count && reader->failed == 0; i++) {
		struct error why = {0};

		if (template_check(words->list[i].text, &why) < 0)
			corefile_refuse(reader, words, i, "%s", why.text);
		add_text(reader, words->list[i].text, list, count);
	}
}

static void set_answer(struct corefile_reader *reader, const struct corefile_option *option,
                       const struct corefile_words *words, void *target)
{
	struct template_settings *settings = ((struct reading *)target)->settings;

	(void)option;
	add_templates(reader, words, &settings->answers, &settings->answer_count);
}

static void set_authority(struct corefile_reader *reader, const struct corefile_option *option,
                          const struct corefile_words *words, void *target)
{
	struct template_settings *settings = ((struct reading *)target)->settings;

	(void)option;
	add_templates(reader, words, &settings->authorities, &settings->authority_count);
}

static void set_additional(struct corefile_reader *reader, const struct corefile_option *option,
                           const struct corefile_words *words, void *target)
{
	struct template_settings *settings = ((struct reading *)target)->settings;

	(void)option;
	add_templates(reader, words, &settings->additionals, &settings->additional_count);
}

static void set_rcode(struct corefile_reader *reader, const struct corefile_option *option,
                      const struct corefile_words *words, void *target)
{
	struct template_settings *settings = ((struct reading *)target)->settings;

	(void)option;
	if (dns_rcode_parse(words->list[1].text, &settings->rcode) < 0)
		corefile_refuse(reader, words, 1, "expected a response code, like NXDOMAIN");
}

static void set_ederror(struct corefile_reader *reader, const struct corefile_option *option,
                        const struct corefile_words *words, void *target)
{
	struct template_settings *settings = ((struct reading *)target)->settings;
	uint32_t code;

	(void)option;
	if (corefile_number(reader, words, 1, 0, UINT16_MAX, &code))
		settings->ede = (int)code;
	if (words->count > 2)
		settings->ede_text = words->list[2].text;
}

static void set_fallthrough(struct corefile_reader *reader, const struct corefile_option *option,
                            const struct corefile_words *words, void *target)
{
	struct template_settings *settings = ((struct reading *)target)->settings;

	(void)option;
	directive_fallthrough(reader, words, &settings->fallthrough, &settings->fallthrough_zones,
	                      &settings->fallthrough_count);
}

static void set_upstream(struct corefile_reader *reader, const struct corefile_option *option,
                         const struct corefile_words *words, void *target)
{
	(void)option;
	(void)target;
	corefile_warn(reader, &words->list[0], "template: upstream has no effect");
}

static const struct corefile_option options[] = {
	COREFILE_OPTION("match", set_match, 1, COREFILE_MANY, "REGEX…"),
	COREFILE_OPTION("answer", set_answer, 1, COREFILE_MANY, "RECORD…"),
	COREFILE_OPTION("authority", set_authority, 1, COREFILE_MANY, "RECORD…"),
	COREFILE_OPTION("additional", set_additional, 1, COREFILE_MANY, "RECORD…"),
	COREFILE_OPTION("rcode", set_rcode, 1, 1, "RCODE"),
	COREFILE_OPTION("ederror", set_ederror, 1, 2, "CODE [REASON]"),
	COREFILE_OPTION("fallthrough", set_fallthrough, 0, COREFILE_MANY, "[ZONES…]"),
	COREFILE_OPTION("upstream", set_upstream, 0, COREFILE_MANY, ""),
	COREFILE_UNSUPPORTED("var", "there are no expressions"),
	COREFILE_UNSUPPORTED("expr", "there are no expressions"),
};

void directive_template(struct corefile_reader *reader, const struct corefile_directive *directive,
                        struct server_block *block)
{
	const struct corefile_words *line = &directive->line;
	struct template_settings *settings = corefile_append(
		reader, &block->templates, &block->template_count, sizeof(*settings));
	struct reading reading = {.settings = settings};

	if (!settings)
		return;
	*settings = (struct template_settings){.ede = DNS_EDE_NONE};
	if (dns_class_parse(line->list[1].text, &settings->class) < 0 ||
	    (settings->class != DNS_CLASS_IN && settings->class != DNS_CLASS_ANY))
		corefile_refuse(reader, line, 1, "expected IN or ANY");
	if (dns_type_parse(line->list[2].text, &settings->type) < 0)
		corefile_refuse(reader, line, 2, "expected a type, like A, or ANY");
	corefile_zones(reader, line, 3, &settings->zones, &settings->zone_count);
	corefile_read_options(reader, directive, options, sizeof(options) / sizeof(options[0]),
	                      &reading);
	settings->match_texts = reading.matches.list;
}
