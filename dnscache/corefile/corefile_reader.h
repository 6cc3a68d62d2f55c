/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_COREFILE_READER_H
#define PODSG_COREFILE_READER_H

/*
 * What the parts of the Corefile's reader share. Failure is sticky: after the first refusal
 * reader->failed is set, and whatever is read on has no effect; so the functions that read the
 * words of one directive need not look at it.
 */

#include "common/vector.h"
#include "dnscache/corefile/corefile.h"
#include "dnscache/corefile/corefile_lexer.h"

#define COREFILE_MANY UINT32_MAX
#define COREFILE_ZONES_MAX 1024

struct corefile_reader {
	struct corefile *corefile;
	struct arena *arena;
	const struct corefile_values *values;
	const char *base;       /* directory of the Corefile; NULL: no other file is read */
	const char *directive;  /* that is being read; NULL: none */
	struct vector paths;    /* of const char * */
	struct vector warnings; /* of const char * */
	size_t zone_count;      /* of all blocks */
	uint32_t seen;          /* directives of this block, by bit */
	struct error *err;
	int failed; /* negative errno */
};

/* A line: the name and what stands behind it. */
struct corefile_words {
	const struct corefile_token *list;
	size_t count; /* at least 1 */
};

struct corefile_directive {
	struct corefile_words line;
	struct corefile_words *options; /* the lines between its braces */
	size_t option_count;
};

/* An option of a directive. */
struct corefile_option {
	const char *name;
	/* One of those below, or the directive's own; NULL: known, and not supported. */
	void (*set)(struct corefile_reader *reader, const struct corefile_option *option,
	            const struct corefile_words *words, void *target);
	uint32_t min, max; /* words behind the name */
	const char *usage; /* of those words; what is not supported: what to do */
	size_t offset;     /* into the target, for those below */
	uint32_t low, high;
};

#define COREFILE_OPTION(NAME, SET, MIN, MAX, USAGE)                                                \
	{                                                                                          \
		.name = (NAME), .set = (SET), .min = (MIN), .max = (MAX), .usage = (USAGE)         \
	}
#define COREFILE_FLAG(NAME, OFFSET)                                                                \
	{                                                                                          \
		.name = (NAME), .set = corefile_set_flag, .usage = "", .offset = (OFFSET)          \
	}
#define COREFILE_DURATION(NAME, OFFSET, LOW, HIGH)                                                 \
	{                                                                                          \
		.name = (NAME), .set = corefile_set_duration, .min = 1, .max = 1,                  \
		.usage = "DURATION", .offset = (OFFSET), .low = (LOW), .high = (HIGH)              \
	}
#define COREFILE_NUMBER(NAME, OFFSET, LOW, HIGH)                                                   \
	{                                                                                          \
		.name = (NAME), .set = corefile_set_number, .min = 1, .max = 1, .usage = "NUMBER", \
		.offset = (OFFSET), .low = (LOW), .high = (HIGH)                                   \
	}
#define COREFILE_UNSUPPORTED(NAME, WHY)                                                            \
	{                                                                                          \
		.name = (NAME), .usage = (WHY)                                                     \
	}

void corefile_set_flag(struct corefile_reader *reader, const struct corefile_option *option,
                       const struct corefile_words *words, void *target); /* bool: true */
void corefile_set_number(struct corefile_reader *reader, const struct corefile_option *option,
                         const struct corefile_words *words, void *target); /* uint32_t */
void corefile_set_duration(struct corefile_reader *reader, const struct corefile_option *option,
                           const struct corefile_words *words, void *target); /* uint32_t, ms */

void corefile_read_options(struct corefile_reader *reader,
                           const struct corefile_directive *directive,
                           const struct corefile_option *options, size_t count, void *target);

/* rule says what would have been right. Word 0 is the line's name: its text is not shown. */
void corefile_refuse(struct corefile_reader *reader, const struct corefile_words *words,
                     size_t word, const char *rule, ...) __attribute__((format(printf, 4, 5)));
/* Outside of directives. value may be NULL. */
void corefile_refuse_at(struct corefile_reader *reader, const struct corefile_token *token,
                        const char *value, const char *rule, ...)
	__attribute__((format(printf, 4, 5)));
void corefile_warn(struct corefile_reader *reader, const struct corefile_token *token,
                   const char *format, ...) __attribute__((format(printf, 3, 4)));
void corefile_no_memory(struct corefile_reader *reader);
void corefile_add_path(struct corefile_reader *reader, const char *path); /* copies */

/* A zeroed item behind the *count that *list (a pointer to a pointer) has; NULL on failure. */
void *corefile_append(struct corefile_reader *reader, void *list, size_t *count, size_t size);

/* Values. The word is shown in the refusal; false: it was one. */
bool corefile_number(struct corefile_reader *reader, const struct corefile_words *words,
                     size_t word, uint32_t min, uint32_t max, uint32_t *ret);
/* As Go writes them: "1h30m", "500ms", "0.5s", "0". In milliseconds, rounded up. */
bool corefile_duration(struct corefile_reader *reader, const struct corefile_words *words,
                       size_t word, uint32_t min, uint32_t max, uint32_t *ret);
int corefile_duration_parse(const char *text, uint64_t *ret); /* nanoseconds; -EINVAL */
/* ":9253", "127.0.0.1:9253", "[::1]:9253"; "localhost" becomes 127.0.0.1. */
bool corefile_is_endpoint(const char *text); /* without "localhost" */
const char *corefile_endpoint(struct corefile_reader *reader, const struct corefile_words *words,
                              size_t word);
/* Beside the Corefile where it is not absolute; NULL: refused. */
const char *corefile_path(struct corefile_reader *reader, const struct corefile_words *words,
                          size_t word);

/* The zones of the words from first on, lower case; a CIDR is its reverse zones. */
void corefile_zones(struct corefile_reader *reader, const struct corefile_words *words,
                    size_t first, struct dns_name **list, size_t *count);
void corefile_add_zone(struct corefile_reader *reader, const struct corefile_words *words,
                       size_t word, struct dns_name **list, size_t *count);
/* What stands in front of a server block: a port may be there, which *port then is. */
void corefile_add_key(struct corefile_reader *reader, const struct corefile_token *token,
                      struct dns_name **list, size_t *count, uint16_t *port);

/* The words of a file, with everything that it imports, environment and placeholders filled in,
 * appended to tokens. */
void corefile_expand(struct corefile_reader *reader, const char *name, const char *text,
                     size_t length, struct vector *tokens);
/* The blocks that a kube-dns ConfigMap's stub domains ask for. */
void corefile_add_stub_domains(struct corefile_reader *reader, struct vector *tokens);

/* The server blocks, and what holds between them. */
void corefile_read_blocks(struct corefile_reader *reader, const struct corefile_token *tokens,
                          size_t count);
void corefile_read_directive(struct corefile_reader *reader,
                             const struct corefile_directive *directive,
                             struct server_block *block);
void corefile_finish_block(struct corefile_reader *reader, struct server_block *block);
void corefile_check_overlaps(struct corefile_reader *reader);

/* corefile.text and the hashes. */
uint32_t corefile_partition(const struct server_block *block);
void corefile_seal(struct corefile_reader *reader, const struct corefile_token *tokens,
                   size_t count);

#endif
