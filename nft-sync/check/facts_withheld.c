/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "nft-sync/check/facts_withheld.h"

int facts_withhold(struct facts *facts, const char *what, const char *needs, struct error *err)
{
	const struct withheld withheld = {arena_strdup(facts->arena, what),
	                                  arena_strdup(facts->arena, needs)};
	struct withheld *place = vector_push(&facts->withheld);
	if (!place || !withheld.what || !withheld.needs)
		return error_set(err, -ENOMEM, "no memory");
	*place = withheld;
	return 0;
}

/* One object is asked for in the singular. */
static bool names(const char *word, size_t length, const char *what)
{
	size_t whole = strlen(what);
	bool singular = whole > 0 && what[whole - 1] == 's' && length == whole - 1;
	return (length == whole || singular) && memcmp(word, what, length) == 0;
}

bool is_withheld_by(const struct withheld *withheld, const char *command)
{
	static const char ends[] = " ,\n";
	for (const char *word = command; *word; word += strspn(word, ends)) {
		size_t length = strcspn(word, ends);
		if (names(word, length, withheld->what))
			return true;
		word += length;
	}
	return false;
}

bool facts_withheld(const struct facts *facts, const char *command)
{
	const struct withheld *withheld = facts->withheld.items;
	for (size_t i = 0; i < facts->withheld.count; i++)
		if (is_withheld_by(&withheld[i], command))
			return true;
	return false;
}
