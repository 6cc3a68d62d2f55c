/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_PATTERN_H
#define PODSG_DNS_PATTERN_H

/*
 * Regular expressions as Corefiles have them: Go's (RE2's) syntax, of which PCRE2 understands all
 * that is in use, (?P<name>…), (?i), \d and .*? among it. What PCRE2 has beyond it is accepted,
 * too. A match is given up after a bounded number of steps, about 50 µs, whatever pattern and text
 * are.
 */

#include "common/arena.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

#define PATTERN_TEXT_MAX 10000 /* bytes, CoreDNS's own limit */
#define PATTERN_GROUPS_MAX 64  /* the whole match is one of them */

struct pattern;

/* Lives in the arena, holds nothing outside it, and may be used by all threads at once. -EINVAL:
 * err says what is wrong and where in text. */
int pattern_compile(const char *text, struct arena *arena, const struct pattern **ret,
                    struct error *err);
const char *pattern_text(const struct pattern *pattern);

struct pattern_groups {
	size_t count; /* of the pattern's groups and the whole match, which is the first */
	struct {
		const char *text; /* in the text matched; length 0 for what took no part */
		size_t length;
	} list[PATTERN_GROUPS_MAX];
};

/* Anywhere in text, which is length bytes. Returns 1, 0, or -E2BIG: given up, or -ENOMEM. */
int pattern_match(const struct pattern *pattern, const char *text, size_t length,
                  struct pattern_groups *ret);
/* How many a replacement may refer to: {0} … {count - 1}. */
size_t pattern_group_count(const struct pattern *pattern);
/* The number of the group of that name, or -ENOENT. */
int pattern_group_named(const struct pattern *pattern, const char *name);

#endif
