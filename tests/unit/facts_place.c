/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/facts_place.h"

int open_facts_place(void **state)
{
	static struct facts_place place;
	struct error err = {0};
	place = (struct facts_place){.model = model_new()};
	assert_non_null(place.model);
	assert_int_equal(facts_open(&place.facts, place.model, &place.config, &err), 0);
	*state = &place;
	return 0;
}

int close_facts_place(void **state)
{
	struct facts_place *place = *state;
	facts_close(&place->facts);
	model_free(place->model);
	return 0;
}

void put_facts(struct facts_place *place, const char *name, const char *text)
{
	struct error err = {0};
	if (facts_put(&place->facts, name, DOCUMENT_YAML, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
}

void settle_facts(struct facts_place *place)
{
	struct error err = {0};
	assert_int_equal(facts_settle(&place->facts, &err), 0);
}
