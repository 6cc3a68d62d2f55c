/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "dnscache/plugin/record_text.h"
#include "dnscache/plugin/template.h"
#include "dnscache/plugin/template_text.h"
#include "dnscache/plugin/zones.h"

#define RECORD_TEXT_MAX RDATA_MAX

int template_check(const char *text, struct error *err)
{
	return template_text_check(text, err);
}

/* One question before the templates. */
struct asked {
	const struct dns_question *question;
	const struct dns_name *zones; /* of the block */
	size_t zone_count;
	const char *remote;
	char name[DNS_NAME_TEXT_MAX];
	struct pattern_groups groups; /* of the pattern that fits */
	struct error *err;
};

static const struct dns_name *zone_of(const struct template_settings *template,
                                      const struct asked *asked)
{
	if (template->zone_count > 0)
		return dns_zones_match(template->zones, template->zone_count,
		                       &asked->question->name);
	return dns_zones_match(asked->zones, asked->zone_count, &asked->question->name);
}

static bool is_for(const struct template_settings *template, uint16_t type)
{
	bool class = template->class == DNS_CLASS_IN || template->class == DNS_CLASS_ANY;

	return class &&
	       (template->type == DNS_TYPE_ANY || type == DNS_TYPE_ANY || template->type == type);
}

/* Returns 1 with the groups and the pattern (NULL: none is asked for), 0, -EBADMSG, -ENOMEM. */
static int find_match(const struct template_settings *template, struct asked *asked,
                      const struct pattern **ret)
{
	size_t length = strlen(asked->name);

	*ret = NULL;
	asked->groups.count = 1;
	asked->groups.list[0].text = asked->name;
	asked->groups.list[0].length = length;
	if (template->match_count == 0)
		return 1;
	for (size_t i = 0; i < template->match_count; i++) {
		const struct pattern *pattern = template->matches[i];
		int matched = pattern_match(pattern, asked->name, length, &asked->groups);

		if (matched == -E2BIG)
			return error_set(asked->err, -ETIME,
			                 "template: %.160s takes too long for %.128s",
			                 pattern_text(pattern), asked->name);
		if (matched > 0)
			*ret = pattern;
		if (matched != 0)
			return matched;
	}
	return 0;
}

static int add_record(const char *text, const struct template_values *values,
                      enum dns_section section, struct buffer *made, struct dns_records *records,
                      struct error *err)
{
	struct dns_record record = {.section = section};
	uint8_t data[RDATA_MAX];
	int failed;

	buffer_clear(made);
	failed = template_text_expand(text, values, made, err);
	if (failed < 0)
		return failed;
	if (made->failed)
		return error_set(err, -EBADMSG, "template \"%.160s\": more than %d bytes", text,
		                 RECORD_TEXT_MAX);
	if (!made->text || record_text_parse(made->text, data, &record) < 0)
		return error_at(err, -EBADMSG, &(struct error_place){.item = "template"},
		                made->text ? made->text : "", "expected a record");
	record.section = section;
	return dns_records_add(records, &record);
}

static int add_section(const char *const *texts, size_t count, const struct template_values *values,
                       enum dns_section section, struct dns_records *records, struct error *err)
{
	struct buffer made = {.max = RECORD_TEXT_MAX};
	int failed = 0;

	for (size_t i = 0; failed == 0 && i < count; i++)
		failed = add_record(texts[i], values, section, &made, records, err);
	buffer_done(&made);
	return failed;
}

/* An option as it stands in an OPT: RFC 8914 §2. */
static int add_ede(const struct template_settings *template, struct dns_records *records)
{
	const char *text = template->ede_text ? template->ede_text : "";
	size_t length = strnlen(text, DNS_EDE_MAX - 6);
	uint8_t *option;

	if (template->ede == DNS_EDE_NONE)
		return 0;
	option = arena_alloc(records->arena, 6 + length);
	if (!option)
		return -ENOMEM;
	dns_put_u16(option, DNS_OPTION_EDE);
	dns_put_u16(option + 2, (uint16_t)(2 + length));
	dns_put_u16(option + 4, (uint16_t) template->ede);
	memcpy(option + 6, text, length);
	records->ede = option;
	records->ede_size = (uint16_t)(6 + length);
	return 0;
}

static void set_rcode(struct dns_records *records, uint16_t rcode)
{
	records->rcode = rcode;
	records->flags |= rcode & DNS_FLAGS_RCODE;
}

static int add_records(const struct template_settings *template,
                       const struct template_values *values, struct dns_records *records,
                       struct error *err)
{
	const struct {
		const char *const *texts;
		size_t count;
	} sections[DNS_SECTIONS] = {
		[DNS_ANSWER] = {template->answers, template->answer_count},
		[DNS_AUTHORITY] = {template->authorities, template->authority_count},
		[DNS_ADDITIONAL] = {template->additionals, template->additional_count},
	};
	int failed = 0;

	for (unsigned i = 0; failed == 0 && i < DNS_SECTIONS; i++)
		failed = add_section(sections[i].texts, sections[i].count, values, i, records, err);
	return failed;
}

static int make_answer(const struct template_settings *template, const struct dns_name *zone,
                       const struct pattern *pattern, const struct asked *asked,
                       struct dns_records *records)
{
	char zone_text[DNS_NAME_TEXT_MAX];
	char type_text[DNS_NUMBER_TEXT_MAX];
	uint16_t type =
		asked->question->type == DNS_TYPE_ANY ? template->type : asked->question->type;
	const struct template_values values = {
		.name = asked->name,
		.type = dns_type_text(type, type_text),
		.class = "IN",
		.zone = dns_name_text(zone, zone_text),
		.remote = asked->remote,
		.regex = pattern ? pattern_text(pattern) : ".*",
		.pattern = pattern,
		.groups = &asked->groups,
	};
	int failed;

	set_rcode(records, template->rcode);
	if (template->rcode == DNS_RCODE_SERVFAIL)
		return 1;
	records->flags |= DNS_FLAG_AA;
	failed = add_records(template, &values, records, asked->err);
	if (failed == 0)
		failed = add_ede(template, records);
	return failed < 0 ? failed : 1;
}

int template_answer(const struct template_settings *templates, size_t count,
                    const struct dns_name *zones, size_t zone_count,
                    const struct dns_question *question, const char *remote,
                    struct dns_records *records, struct error *err)
{
	struct asked asked = {
		.question = question,
		.zones = zones,
		.zone_count = zone_count,
		.remote = remote,
		.err = err,
	};
	struct dns_name lower = question->name;

	dns_name_lower(&lower);
	(void)dns_name_text(&lower, asked.name);
	for (size_t i = 0; i < count; i++) {
		const struct template_settings *template = &templates[i];
		const struct dns_name *zone = zone_of(template, &asked);
		const struct pattern *pattern;
		int matched;

		if (!zone || !is_for(template, question->type))
			continue;
		matched = find_match(template, &asked, &pattern);
		if (matched < 0)
			return matched;
		if (matched > 0)
			return make_answer(template, zone, pattern, &asked, records);
		if (dns_zones_fall_through(template->fallthrough, template->fallthrough_zones,
		                           template->fallthrough_count, &lower))
			continue;
		set_rcode(records, DNS_RCODE_SERVFAIL);
		return 1;
	}
	return 0;
}
