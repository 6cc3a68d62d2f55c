/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/plugin/rewrite_text.h"

/* Room for a name's text and the dot that a setting may lack. */
struct text {
	char bytes[DNS_NAME_TEXT_MAX + 1];
	size_t length;
	bool full;
};

static void add(struct text *text, const char *bytes, size_t length)
{
	if (length > DNS_NAME_TEXT_MAX - 1 - text->length) {
		text->full = true;
		return;
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
	text->bytes[text->length] = '\0';
}

static void set(struct text *text, const char *bytes)
{
	text->length = 0;
	text->full = false;
	text->bytes[0] = '\0';
	add(text, bytes, strlen(bytes));
}

/* CoreDNS completes every name in a rule, a prefix and a substring among them: "foo" is the label
 * foo and not the beginning of foobar. The targets of `cname` are the exception. */
static void set_name(struct text *text, const char *bytes)
{
	set(text, bytes);
	if (text->length == 0 || text->bytes[text->length - 1] != '.')
		add(text, ".", 1);
}

static void set_operand(struct text *text, const struct rewrite_rule *rule, const char *bytes)
{
	if (rule->field == REWRITE_CNAME &&
	    (rule->match == REWRITE_PREFIX || rule->match == REWRITE_SUBSTRING))
		set(text, bytes);
	else
		set_name(text, bytes);
}

static void set_wire(struct text *text, const struct dns_name *name)
{
	struct dns_name lower = *name;

	dns_name_lower(&lower);
	(void)dns_name_text(&lower, text->bytes);
	text->length = strlen(text->bytes);
	text->full = false;
}

static int finish(const struct text *text, struct dns_name *ret)
{
	return text->full || dns_name_parse(text->bytes, ret) < 0 ? -E2BIG : 1;
}

static bool starts(const struct text *name, const struct text *with)
{
	return name->length >= with->length && memcmp(name->bytes, with->bytes, with->length) == 0;
}

static bool ends(const struct text *name, const struct text *with)
{
	return name->length >= with->length &&
	       memcmp(name->bytes + name->length - with->length, with->bytes, with->length) == 0;
}

static bool replace_all(const struct text *name, const struct text *from, const struct text *to,
                        struct text *ret)
{
	const char *at = name->bytes;
	const char *found = from->length > 0 ? strstr(at, from->bytes) : NULL;

	if (!found)
		return false;
	for (; found; found = strstr(at, from->bytes)) {
		add(ret, at, (size_t)(found - at));
		add(ret, to->bytes, to->length);
		at = found + from->length;
	}
	add(ret, at, strlen(at));
	return true;
}

static bool replace(enum rewrite_match match, const struct text *name, const struct text *from,
                    const struct text *to, struct text *ret)
{
	switch (match) {
	case REWRITE_EXACT:
		if (name->length != from->length || !starts(name, from))
			return false;
		add(ret, to->bytes, to->length);
		return true;
	case REWRITE_PREFIX:
		if (!starts(name, from))
			return false;
		add(ret, to->bytes, to->length);
		add(ret, name->bytes + from->length, name->length - from->length);
		return true;
	case REWRITE_SUFFIX:
		if (!ends(name, from))
			return false;
		add(ret, name->bytes, name->length - from->length);
		add(ret, to->bytes, to->length);
		return true;
	case REWRITE_SUBSTRING:
		return replace_all(name, from, to, ret);
	case REWRITE_REGEX:
		break;
	}
	return false;
}

/* {N} of the text become the groups; a number that is not one of a group stays as it is. In one
 * pass, so that what a client has put into a group is never read as {N}. */
static void add_expanded(struct text *ret, const struct text *text,
                         const struct pattern_groups *groups)
{
	const char *at = text->bytes;
	const char *brace = strchr(at, '{');

	for (; brace; brace = strchr(brace, '{')) {
		char *end;
		unsigned long number = strtoul(brace + 1, &end, 10);

		if (brace[1] < '0' || brace[1] > '9' || *end != '}' || number >= groups->count) {
			brace++;
			continue;
		}
		add(ret, at, (size_t)(brace - at));
		add(ret, groups->list[number].text, groups->list[number].length);
		brace = at = end + 1;
	}
	add(ret, at, strlen(at));
}

static int replace_pattern(const struct pattern *pattern, const char *replacement,
                           const struct text *name, struct dns_name *to)
{
	struct pattern_groups groups;
	struct text text;
	struct text made = {.length = 0};
	int matched = pattern_match(pattern, name->bytes, name->length, &groups);

	if (matched <= 0 || !to)
		return matched;
	set_name(&text, replacement);
	add_expanded(&made, &text, &groups);
	return finish(&made, to);
}

static int replace_text(enum rewrite_match match, const struct text *from, const struct text *to,
                        const struct text *name, struct dns_name *ret)
{
	struct text made = {.length = 0};

	if (from->full || to->full || !replace(match, name, from, to, &made))
		return 0;
	return ret ? finish(&made, ret) : 1;
}

int rewrite_text_rule(const struct rewrite_rule *rule, const struct dns_name *from,
                      struct dns_name *to)
{
	struct text name;
	struct text old;
	struct text new;

	set_wire(&name, from);
	if (rule->match == REWRITE_REGEX)
		return replace_pattern(rule->pattern, to ? rule->to : "", &name, to);
	set_operand(&old, rule, rule->from);
	set_operand(&new, rule, to ? rule->to : "");
	return replace_text(rule->match, &old, &new, &name, to);
}

int rewrite_text_answer(const struct rewrite_answer *answer, const struct dns_name *from,
                        struct dns_name *to)
{
	struct text name;

	set_wire(&name, from);
	return replace_pattern(answer->pattern, answer->replacement, &name, to);
}

int rewrite_text_suffix_back(const struct rewrite_rule *rule, const struct dns_name *from,
                             struct dns_name *to)
{
	struct text name;
	struct text old;
	struct text new;

	set_wire(&name, from);
	set_operand(&old, rule, rule->to);
	set_operand(&new, rule, rule->from);
	return replace_text(REWRITE_SUFFIX, &old, &new, &name, to);
}
