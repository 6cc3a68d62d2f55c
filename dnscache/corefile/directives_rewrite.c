/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/corefile/directives.h"

#define ANSWERS_MAX 8
#define TTL_MAX 0x7fffffffU

/* The words of a rule, however its lines are broken: "rewrite stop {" takes them from several. */
struct rule_words {
	struct corefile_words words;
	size_t at;
};

static bool next_is(const struct rule_words *rule, const char *text)
{
	return rule->at < rule->words.count &&
	       strcasecmp(rule->words.list[rule->at].text, text) == 0;
}

static bool take(struct rule_words *rule, const char *text)
{
	if (!next_is(rule, text))
		return false;
	rule->at++;
	return true;
}

static size_t left(const struct rule_words *rule)
{
	return rule->words.count - rule->at;
}

static bool join(struct corefile_reader *reader, const struct corefile_directive *directive,
                 struct rule_words *ret)
{
	size_t count = directive->line.count;
	struct corefile_token *list;

	for (size_t i = 0; i < directive->option_count; i++)
		count += directive->options[i].count;
	list = arena_array(reader->arena, count, sizeof(*list));
	if (!list) {
		corefile_no_memory(reader);
		return false;
	}
	ret->words = (struct corefile_words){.list = list, .count = count};
	ret->at = 1;
	count = directive->line.count;
	memcpy(list, directive->line.list, count * sizeof(*list));
	for (size_t i = 0; i < directive->option_count; i++) {
		memcpy(list + count, directive->options[i].list,
		       directive->options[i].count * sizeof(*list));
		count += directive->options[i].count;
	}
	return true;
}

static void expected(struct corefile_reader *reader, const struct rule_words *rule,
                     const char *usage)
{
	corefile_refuse(reader, &rule->words, 0, "expected %s", usage);
}

/* Lower case, without the final dot. */
static const char *plain_name(struct corefile_reader *reader, const char *text)
{
	size_t length = strlen(text);
	char *copy = arena_strndup(reader->arena, text,
	                           length > 1 && text[length - 1] == '.' ? length - 1 : length);

	if (!copy) {
		corefile_no_memory(reader);
		return "";
	}
	for (char *at = copy; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	return copy;
}

static void compile(struct corefile_reader *reader, const struct rule_words *rule, size_t word,
                    const struct pattern **ret)
{
	struct error why = {0};

	if (pattern_compile(rule->words.list[word].text, reader->arena, ret, &why) < 0)
		corefile_refuse(reader, &rule->words, word, "%s", why.text);
}

/* Every {N} has to be a group of the pattern. */
static void check_groups(struct corefile_reader *reader, const struct rule_words *rule, size_t word,
                         const struct pattern *pattern)
{
	const char *at = rule->words.list[word].text;

	for (at = strchr(at, '{'); reader->failed == 0 && at; at = strchr(at + 1, '{')) {
		size_t digits = strspn(at + 1, "0123456789");
		size_t count = pattern_group_count(pattern);

		if (digits > 0 && at[1 + digits] == '}' &&
		    (digits > 3 || strtoul(at + 1, NULL, 10) >= count))
			corefile_refuse(reader, &rule->words, word,
			                "the groups of the pattern are {0} to {%zu}", count - 1);
	}
}

static bool take_match(struct rule_words *rule, enum rewrite_match *ret)
{
	static const char *const names[] = {
		[REWRITE_EXACT] = "exact",   [REWRITE_PREFIX] = "prefix",
		[REWRITE_SUFFIX] = "suffix", [REWRITE_SUBSTRING] = "substring",
		[REWRITE_REGEX] = "regex",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (take(rule, names[i])) {
			*ret = (enum rewrite_match)i;
			return true;
		}
	}
	return false;
}

/* "[exact|prefix|suffix|substring|regex] FROM", with more words behind it. */
static void read_from(struct corefile_reader *reader, struct rule_words *rule, size_t behind,
                      struct rewrite_rule *ret)
{
	ret->match = REWRITE_EXACT;
	if (left(rule) > 1 + behind && !take_match(rule, &ret->match)) {
		corefile_refuse(reader, &rule->words, rule->at,
		                "expected exact, prefix, suffix, substring or regex");
		return;
	}
	if (ret->match == REWRITE_REGEX) {
		ret->from = rule->words.list[rule->at].text;
		compile(reader, rule, rule->at++, &ret->pattern);
	} else {
		ret->from = plain_name(reader, rule->words.list[rule->at++].text);
	}
}

static void read_to(struct corefile_reader *reader, struct rule_words *rule,
                    struct rewrite_rule *ret)
{
	if (ret->pattern)
		check_groups(reader, rule, rule->at, ret->pattern);
	ret->to = plain_name(reader, rule->words.list[rule->at++].text);
}

/* "auto", "name REGEX TEXT" or "value REGEX TEXT" */
static void read_answer(struct corefile_reader *reader, struct rule_words *rule,
                        struct rewrite_rule *ret)
{
	bool value = next_is(rule, "value");
	struct rewrite_answer *answer;

	if (take(rule, "auto")) {
		ret->answer_auto = true;
		return;
	}
	if (!take(rule, "value") && !take(rule, "name")) {
		corefile_refuse(reader, &rule->words, rule->at, "expected auto, name or value");
		return;
	}
	/* "answer name auto" is what CoreDNS's documentation writes. */
	if (!value && next_is(rule, "auto") && (left(rule) == 1 || left(rule) > 2)) {
		rule->at++;
		ret->answer_auto = true;
		return;
	}
	if (left(rule) < 2 || ret->answer_count == ANSWERS_MAX) {
		expected(reader, rule, "answer name|value REGEX TEXT, at most 8 of them");
		return;
	}
	answer = corefile_append(reader, &ret->answers, &ret->answer_count, sizeof(*answer));
	if (!answer)
		return;
	answer->value = value;
	compile(reader, rule, rule->at, &answer->pattern);
	if (reader->failed == 0)
		check_groups(reader, rule, rule->at + 1, answer->pattern);
	answer->replacement = plain_name(reader, rule->words.list[rule->at + 1].text);
	rule->at += 2;
}

static void read_answers(struct corefile_reader *reader, struct rule_words *rule,
                         struct rewrite_rule *ret)
{
	bool name = false;

	for (bool first = true; reader->failed == 0 && left(rule) > 0; first = false) {
		if (!take(rule, "answer") && first)
			corefile_refuse(reader, &rule->words, rule->at, "expected answer");
		else if (left(rule) == 0)
			expected(reader, rule, "auto, name or value behind answer");
		else
			read_answer(reader, rule, ret);
	}
	for (size_t i = 0; i < ret->answer_count; i++)
		name |= !ret->answers[i].value;
	if (name && ret->answer_auto)
		expected(reader, rule, "either answer auto or answer name");
	if (ret->match == REWRITE_EXACT)
		ret->answer_auto = true;
}

static void read_name(struct corefile_reader *reader, struct rule_words *rule,
                      struct rewrite_rule *ret)
{
	if (left(rule) < 2) {
		expected(reader, rule,
		         "name [exact|prefix|suffix|substring|regex] FROM TO [answer …]");
		return;
	}
	read_from(reader, rule, 1, ret);
	if (reader->failed < 0)
		return;
	if (left(rule) == 0) {
		expected(reader, rule, "FROM and TO");
		return;
	}
	read_to(reader, rule, ret);
	read_answers(reader, rule, ret);
}

static void read_type(struct corefile_reader *reader, struct rule_words *rule,
                      struct rewrite_rule *ret)
{
	if (left(rule) != 2)
		expected(reader, rule, "type FROM TO");
	else if (dns_type_parse(rule->words.list[rule->at].text, &ret->from_number) < 0)
		corefile_refuse(reader, &rule->words, rule->at, "expected a type, like AAAA");
	else if (dns_type_parse(rule->words.list[rule->at + 1].text, &ret->to_number) < 0)
		corefile_refuse(reader, &rule->words, rule->at + 1, "expected a type, like AAAA");
}

/* "30", "30-300", "-30", "30-" */
static bool parse_ttls(const char *text, struct rewrite_rule *ret)
{
	size_t low = strspn(text, "0123456789");
	const char *second = text + low + (text[low] == '-' ? 1 : 0);
	size_t high = strspn(second, "0123456789");
	unsigned long min = strtoul(low > 0 ? text : "0", NULL, 10);
	unsigned long max = high > 0 ? strtoul(second, NULL, 10) : TTL_MAX;

	if (text[low] == '\0')
		max = min;
	ret->ttl_min = (uint32_t)min;
	ret->ttl_max = (uint32_t)max;
	return low + high > 0 && low < 11 && high < 11 && second[high] == '\0' && max <= TTL_MAX &&
	       min <= max;
}

static void read_ttl(struct corefile_reader *reader, struct rule_words *rule,
                     struct rewrite_rule *ret)
{
	if (left(rule) < 2 || left(rule) > 3) {
		expected(reader, rule,
		         "ttl [exact|prefix|suffix|substring|regex] NAME SECONDS|MIN-MAX");
		return;
	}
	read_from(reader, rule, 1, ret);
	if (reader->failed == 0 && !parse_ttls(rule->words.list[rule->at].text, ret))
		corefile_refuse(reader, &rule->words, rule->at,
		                "expected SECONDS, MIN-MAX, MIN- or -MAX");
}

static void read_rcode_word(struct corefile_reader *reader, const struct rule_words *rule,
                            size_t word, uint16_t *ret)
{
	const char *text = rule->words.list[word].text;
	size_t digits = strspn(text, "0123456789");

	if (digits > 0 && digits < 5 && text[digits] == '\0')
		*ret = (uint16_t)strtoul(text, NULL, 10);
	else if (dns_rcode_parse(text, ret) < 0)
		*ret = UINT16_MAX;
	if (*ret > 23)
		corefile_refuse(reader, &rule->words, word,
		                "expected a response code, like SERVFAIL or 2");
}

static void read_rcode(struct corefile_reader *reader, struct rule_words *rule,
                       struct rewrite_rule *ret)
{
	if (left(rule) < 3 || left(rule) > 4) {
		expected(reader, rule, "rcode [exact|prefix|suffix|substring|regex] NAME FROM TO");
		return;
	}
	read_from(reader, rule, 2, ret);
	if (reader->failed < 0)
		return;
	read_rcode_word(reader, rule, rule->at, &ret->from_number);
	read_rcode_word(reader, rule, rule->at + 1, &ret->to_number);
}

static void read_cname(struct corefile_reader *reader, struct rule_words *rule,
                       struct rewrite_rule *ret)
{
	if (left(rule) < 2 || left(rule) > 3) {
		expected(reader, rule, "cname [exact|prefix|suffix|substring|regex] FROM TO");
		return;
	}
	read_from(reader, rule, 1, ret);
	if (reader->failed == 0)
		read_to(reader, rule, ret);
}

struct field {
	const char *name;
	enum rewrite_field field;
	void (*read)(struct corefile_reader *reader, struct rule_words *rule,
	             struct rewrite_rule *ret);
	const char *unsupported;
};

static const struct field fields[] = {
	{"name", REWRITE_NAME, read_name, NULL},
	{"type", REWRITE_TYPE, read_type, NULL},
	{"ttl", REWRITE_TTL, read_ttl, NULL},
	{"rcode", REWRITE_RCODE, read_rcode, NULL},
	{"cname", REWRITE_CNAME, read_cname, NULL},
	{"class", REWRITE_CLASS, NULL, "not supported: only class IN is served"},
	{"edns0", REWRITE_EDNS0, NULL, "not supported: no option of a client goes upstream"},
	{"answer", REWRITE_NAME, NULL, "expected a name rule in front of it"},
};

static const struct field *take_field(struct rule_words *rule)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (take(rule, fields[i].name))
			return &fields[i];
	}
	return NULL;
}

void directive_rewrite(struct corefile_reader *reader, const struct corefile_directive *directive,
                       struct server_block *block)
{
	const struct field *field;
	struct rewrite_rule *ret;
	struct rule_words rule;

	if (!join(reader, directive, &rule))
		return;
	ret = corefile_append(reader, &block->rewrites, &block->rewrite_count, sizeof(*ret));
	if (!ret)
		return;
	ret->line = rule.words.list[0].line;
	ret->go_on = take(&rule, "continue");
	if (!ret->go_on)
		(void)take(&rule, "stop");
	if (left(&rule) == 0) {
		expected(reader, &rule, "name, type, ttl, rcode or cname");
		return;
	}
	field = take_field(&rule);
	if (!field) {
		corefile_refuse(reader, &rule.words, rule.at,
		                "expected name, type, ttl, rcode or cname");
	} else if (!field->read) {
		corefile_refuse(reader, &rule.words, rule.at - 1, "%s", field->unsupported);
	} else {
		ret->field = field->field;
		field->read(reader, &rule, ret);
	}
}
