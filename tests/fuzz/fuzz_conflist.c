/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/conflist/chain.h"

#define ROOM (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buffer edit(const struct conflist_chain *chain, enum conflist_wish wish)
{
	struct buffer out = {.max = ROOM};
	conflist_chain_edit(chain, wish, &out);
	if (out.failed && chain->length < ROOM / 4)
		abort();
	return out;
}

static void must_stand(const struct buffer *text, enum conflist_position position)
{
	struct conflist_chain chain;
	if (conflist_chain_parse("f", text->text, text->length, &chain, NULL) < 0 ||
	    conflist_chain_position(&chain) != position)
		abort();
}

/* What was put in can be taken out again, to the byte. */
static void must_come_back(const struct conflist_chain *before, const struct buffer *text)
{
	struct conflist_chain chain;
	if (conflist_chain_parse("f", text->text, text->length, &chain, NULL) < 0)
		abort();
	struct buffer after = edit(&chain, CONFLIST_WANT_NONE);
	if (after.length != before->length || memcmp(after.text, before->text, after.length) != 0)
		abort();
	buffer_done(&after);
}

static void edit_all(const struct conflist_chain *chain)
{
	enum conflist_position position = conflist_chain_position(chain);
	struct buffer last = edit(chain, CONFLIST_WANT_LAST);
	struct buffer none = edit(chain, CONFLIST_WANT_NONE);
	struct buffer present = edit(chain, CONFLIST_WANT_PRESENT);
	size_t others = 0;
	for (size_t i = 0; i < chain->count; i++)
		others += !chain->plugins[i].ours;
	if (others < CONFLIST_PLUGINS_MAX)
		must_stand(&last, CONFLIST_LAST);
	if (others > 0)
		must_stand(&none, CONFLIST_ABSENT);
	if (position == CONFLIST_ABSENT && others < CONFLIST_PLUGINS_MAX)
		must_come_back(chain, &last);
	if (position == CONFLIST_LAST || position == CONFLIST_EARLIER)
		must_stand(&present, position);
	buffer_done(&last);
	buffer_done(&none);
	buffer_done(&present);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct conflist_chain chain;
	struct error err = {0};
	bool named = false;
	int r = conflist_chain_parse("f", text, size, &chain, &err);
	if ((r < 0) != (err.text[0] != '\0') || r != err.code)
		abort();
	if (r == 0) {
		(void)conflist_chain_check_version("f", &chain, NULL);
		(void)conflist_chain_is_named(&chain, "n");
		edit_all(&chain);
	}
	err = (struct error){0};
	r = conflist_single_parse("f", text, size, "n", &named, &err);
	if ((r < 0) != (err.text[0] != '\0') || r != err.code)
		abort();
	return 0;
}
