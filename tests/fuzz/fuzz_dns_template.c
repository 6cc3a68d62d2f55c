/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/plugin/template.h"
#include "dnscache/wire/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a template that was let in makes can be sent. */
static void answer(const char *text, const struct pattern *const *patterns, size_t pattern_count,
                   const struct dns_question *question, struct arena *arena)
{
	static const struct dns_lifetimes lifetimes = {.success_max = 60, .denial_max = 60};
	const struct dns_name root = {.length = 1};
	const struct template_settings template = {
		.class = DNS_CLASS_IN,
		.type = DNS_TYPE_ANY,
		.matches = (const struct pattern **)(uintptr_t)patterns,
		.match_count = pattern_count,
		.answers = &text,
		.answer_count = 1,
		.ede = DNS_EDE_NONE,
	};
	struct dns_records records;
	struct dns_answer *packed;

	dns_records_begin(&records, question, arena);
	if (template_answer(&template, 1, &root, 1, question, "10.0.0.1", &records, NULL) == 1 &&
	    dns_answer_pack(&records, &lifetimes, 0, arena, &packed) < 0)
		abort();
}

/* The template, the question's name and the pattern, each on a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(8u << 20);
	char *text = strndup((const char *)data, size);
	char *rest = text;
	const char *template = strsep(&rest, "\n");
	const char *name = strsep(&rest, "\n");
	const char *pattern_text = strsep(&rest, "\n");
	struct dns_question question = {.type = DNS_TYPE_A};
	const struct pattern *pattern = NULL;

	if (template && name && template_check(template, NULL) == 0 &&
	    dns_name_parse(name, &question.name) == 0 &&
	    (!pattern_text || pattern_compile(pattern_text, arena, &pattern, NULL) == 0))
		answer(template, &pattern, pattern != NULL, &question, arena);
	free(text);
	arena_free(arena);
	return 0;
}
