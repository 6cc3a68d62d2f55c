/* SPDX-License-Identifier: GPL-2.0-or-later */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <string.h>

#include "dnscache/plugin/pattern.h"

/* One step is some 15 ns, three times that in patterns of the worst kind. */
#define MATCH_STEPS_MAX 3000
#define MATCH_HEAP_MAX 64 /* KiB */

struct pattern {
	const char *text;
	pcre2_code *code;
	pcre2_match_context *limits;
	size_t group_count;
};

static void *take_from_arena(PCRE2_SIZE size, void *arena)
{
	return arena_alloc(arena, size);
}

static void leave_in_arena(void *memory, void *arena)
{
	(void)memory;
	(void)arena;
}

static int refuse(const char *text, int reason, size_t at, struct error *err)
{
	char sentence[128];

	pcre2_get_error_message(reason, (PCRE2_UCHAR *)sentence, sizeof(sentence));
	return error_at(err, -EINVAL, &(struct error_place){.item = "regular expression"}, text,
	                "%s, at byte %zu", sentence, at);
}

/* `$` is the very end of the text and nothing is UTF-8, as with Go's regexp on names. */
static int compile_code(struct pattern *pattern, pcre2_compile_context *context, struct error *err)
{
	const uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;
	uint32_t groups;
	int reason;
	size_t at;

	pattern->code = pcre2_compile((PCRE2_SPTR)pattern->text, PCRE2_ZERO_TERMINATED, options,
	                              &reason, &at, context);
	if (!pattern->code)
		return refuse(pattern->text, reason, at, err);
	(void)pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	pattern->group_count = groups + 1;
	if (pattern->group_count > PATTERN_GROUPS_MAX)
		return error_set(err, -EINVAL, "regular expression \"%.64s\": more than %d groups",
		                 pattern->text, PATTERN_GROUPS_MAX - 1);
	return 0;
}

int pattern_compile(const char *text, struct arena *arena, const struct pattern **ret,
                    struct error *err)
{
	struct pattern *pattern = arena_alloc(arena, sizeof(*pattern));
	pcre2_general_context *memory =
		pcre2_general_context_create(take_from_arena, leave_in_arena, arena);
	pcre2_compile_context *context = memory ? pcre2_compile_context_create(memory) : NULL;
	int failed;

	if (strlen(text) > PATTERN_TEXT_MAX)
		return error_set(err, -EINVAL,
		                 "a regular expression is longer than %d bytes: \"%.64s…\"",
		                 PATTERN_TEXT_MAX, text);
	if (!pattern || !context)
		return error_set(err, -ENOMEM, "out of memory");
	pattern->text = arena_strdup(arena, text);
	pattern->limits = pcre2_match_context_create(memory);
	if (!pattern->text || !pattern->limits)
		return error_set(err, -ENOMEM, "out of memory");
	(void)pcre2_set_match_limit(pattern->limits, MATCH_STEPS_MAX);
	(void)pcre2_set_heap_limit(pattern->limits, MATCH_HEAP_MAX);
	failed = compile_code(pattern, context, err);
	if (failed == 0)
		*ret = pattern;
	return failed;
}

const char *pattern_text(const struct pattern *pattern)
{
	return pattern->text;
}

static void take_groups(const struct pattern *pattern, const char *text, const size_t *bounds,
                        struct pattern_groups *ret)
{
	ret->count = pattern->group_count;
	for (size_t i = 0; i < ret->count; i++) {
		bool unset = bounds[2 * i] == PCRE2_UNSET;

		ret->list[i].text = unset ? text : text + bounds[2 * i];
		ret->list[i].length = unset ? 0 : bounds[2 * i + 1] - bounds[2 * i];
	}
}

/* \K in a lookahead can make a match end before it starts: no group then has a length. */
static bool sane(const size_t *bounds)
{
	return bounds[0] <= bounds[1];
}

int pattern_match(const struct pattern *pattern, const char *text, size_t length,
                  struct pattern_groups *ret)
{
	/* Not from the pattern's memory, which other threads read. */
	pcre2_match_data *data = pcre2_match_data_create((uint32_t)pattern->group_count, NULL);
	int matched;

	if (!data)
		return -ENOMEM;
	matched = pcre2_match(pattern->code, (PCRE2_SPTR)text, length, 0, 0, data, pattern->limits);
	if (matched == PCRE2_ERROR_NOMATCH ||
	    (matched > 0 && !sane(pcre2_get_ovector_pointer(data)))) {
		matched = 0;
	} else if (matched < 0) {
		matched = matched == PCRE2_ERROR_NOMEMORY ? -ENOMEM : -E2BIG;
	} else {
		take_groups(pattern, text, pcre2_get_ovector_pointer(data), ret);
		matched = 1;
	}
	pcre2_match_data_free(data);
	return matched;
}

size_t pattern_group_count(const struct pattern *pattern)
{
	return pattern->group_count;
}

int pattern_group_named(const struct pattern *pattern, const char *name)
{
	int number = pcre2_substring_number_from_name(pattern->code, (PCRE2_SPTR)name);

	return number < 0 ? -ENOENT : number;
}
