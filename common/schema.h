/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SCHEMA_H
#define PODSG_SCHEMA_H

/*
 * A configuration file read by a table: the path of every key, what may stand there and where it
 * goes. Anything else in the file is an error with file, line, key, value and rule.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/arena.h"
#include "common/error.h"

#define SCHEMA_LIST_MAX 64

struct schema;
struct schema_value;

struct schema_key {
	const char *path; /* "node.name" */
	/* One of those below, or the program's own. */
	void (*set)(struct schema *schema, const struct schema_key *key,
	            const struct schema_value *value);
	size_t offset;                   /* into the target */
	size_t count_offset;             /* lists: of the size_t that takes their length */
	bool (*check)(const char *text); /* text and names */
	const char *rule;                /* what check accepts, behind "expected" */
	const char *const *choices;      /* in the order of the enum; NULL behind the last */
	uint32_t min;                    /* numbers; sizes: in MiB */
	uint32_t max;
};

struct schema_value {
	const char *path;
	const cJSON *tree;
};

/* Errors are sticky: after the first one nothing is read any more. */
struct schema {
	const struct schema_key *keys;
	size_t key_count;
	void *target;
	struct arena *arena; /* takes strings and lists */
	const char *file;
	struct error *err;
	int failed; /* negative errno */
	bool read;  /* a document was seen */
};

/* What the file does not say, or says null, is left as it is in the target. */
int schema_read(struct schema *schema, const char *text, size_t length);

void schema_refuse(struct schema *schema, const struct schema_value *value, const char *rule, ...)
	__attribute__((format(printf, 3, 4)));

#define SCHEMA_SETTER(name)                                                                        \
	void name(struct schema *schema, const struct schema_key *key,                             \
	          const struct schema_value *value)
SCHEMA_SETTER(schema_set_text);        /* const char * */
SCHEMA_SETTER(schema_set_flag);        /* bool */
SCHEMA_SETTER(schema_set_choice);      /* an enum of the size of an int */
SCHEMA_SETTER(schema_set_choice_flag); /* bool: the second of two choices */
SCHEMA_SETTER(schema_set_u16);
SCHEMA_SETTER(schema_set_u32);
SCHEMA_SETTER(schema_set_names);     /* const char ** and count */
SCHEMA_SETTER(schema_set_addresses); /* struct prefix * and count */
SCHEMA_SETTER(schema_set_prefixes);  /* struct prefix * and count */
SCHEMA_SETTER(schema_set_duration);  /* uint32_t, milliseconds: "500ms", "30s", "5m", "1h" */
SCHEMA_SETTER(schema_set_size);      /* uint64_t, bytes: "64MiB" */

#endif
