/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "dnscache/plugin/record_text.h"
#include "dnscache/wire/record_data.h"

#define WORDS_MAX 128
#define TTL_DEFAULT 3600

struct reader {
	const char *at;
	unsigned brackets; /* open */
};

/* Blanks, comments and brackets; a line ends the record unless it is inside brackets. */
static void skip(struct reader *reader)
{
	for (;; reader->at++) {
		char letter = *reader->at;

		if (letter == ';')
			reader->at += strcspn(reader->at, "\n");
		letter = *reader->at;
		if (letter == '(')
			reader->brackets++;
		else if (letter == ')' && reader->brackets > 0)
			reader->brackets--;
		else if (letter != ' ' && letter != '\t' && letter != '\r' &&
		         (letter != '\n' || reader->brackets == 0))
			return;
	}
}

static int read_quoted(struct reader *reader, struct rdata_word *ret)
{
	const char *end = ++reader->at;

	while (*end && *end != '"')
		end += end[0] == '\\' && end[1] ? 2 : 1;
	if (!*end)
		return -EBADMSG;
	*ret = (struct rdata_word){reader->at, (size_t)(end - reader->at), true};
	reader->at = end + 1;
	return 1;
}

/* 1: a word; 0: the record is over; -EBADMSG. */
static int read_word(struct reader *reader, struct rdata_word *ret)
{
	const char *end;

	skip(reader);
	if (!*reader->at || *reader->at == '\n')
		return reader->brackets > 0 ? -EBADMSG : 0;
	if (*reader->at == '"')
		return read_quoted(reader, ret);
	end = reader->at;
	while (*end && !strchr(" \t\r\n;()\"", *end))
		end += end[0] == '\\' && end[1] ? 2 : 1;
	/* A closing bracket that none has opened. */
	if (end == reader->at)
		return -EBADMSG;
	*ret = (struct rdata_word){reader->at, (size_t)(end - reader->at), false};
	reader->at = end;
	return 1;
}

static int read_words(const char *text, struct rdata_word words[static WORDS_MAX], size_t *ret)
{
	struct reader reader = {.at = text};
	struct rdata_word word;
	size_t count = 0;
	int found = read_word(&reader, &word);

	for (; found > 0; found = read_word(&reader, &word)) {
		if (count == WORDS_MAX)
			return -EBADMSG;
		words[count++] = word;
	}
	*ret = count;
	return found;
}

/* A word of a table of the protocol's: their texts are short. */
static int read_number(const struct rdata_word *word, int (*parse)(const char *, uint16_t *),
                       uint16_t *ret)
{
	char text[DNS_NUMBER_TEXT_MAX];

	if (word->quoted || word->length >= sizeof(text))
		return -EBADMSG;
	memcpy(text, word->text, word->length);
	text[word->length] = '\0';
	return parse(text, ret) < 0 ? -EBADMSG : 0;
}

/* [TTL] [CLASS] or [CLASS] [TTL]. Returns how many words it took. */
static size_t read_ttl_and_class(const struct rdata_word *words, size_t count,
                                 struct dns_record *ret)
{
	bool ttl = false;
	bool class = false;
	size_t i = 0;

	ret->ttl = TTL_DEFAULT;
	ret->class = DNS_CLASS_IN;
	for (; i < count && i < 2; i++) {
		if (!ttl && rdata_word_ttl(&words[i], &ret->ttl) == 0)
			ttl = true;
		else if (!class && read_number(&words[i], dns_class_parse, &ret->class) == 0)
			class = true;
		else
			break;
	}
	return i;
}

/* A question's type, or one that is about the message: none that a record can have. */
static bool is_meta(uint16_t type)
{
	return type == 0 || type == DNS_TYPE_OPT || (type >= 128 && type <= DNS_TYPE_ANY);
}

/* Data as \# can be anything; what reads the record later takes it to be of its type. */
static bool fits(const struct dns_record *record)
{
	const struct dns_data_shape *shape = dns_data_shape(record->type);
	size_t names;

	if (record->type == DNS_TYPE_A)
		return record->data_size == 4;
	if (record->type == DNS_TYPE_AAAA)
		return record->data_size == 16;
	return !shape || dns_data_names(shape, record->data, record->data_size, &names) == 0;
}

int record_text_parse(const char *text, uint8_t data[static RDATA_MAX], struct dns_record *ret)
{
	struct rdata_word words[WORDS_MAX];
	size_t count;
	size_t next;
	int size;

	if (read_words(text, words, &count) < 0 || count < 2 ||
	    rdata_word_name(&words[0], &ret->owner) < 0)
		return -EBADMSG;
	next = 1 + read_ttl_and_class(words + 1, count - 1, ret);
	if (ret->class != DNS_CLASS_IN || next == count ||
	    read_number(&words[next], dns_type_parse, &ret->type) < 0 || is_meta(ret->type))
		return -EBADMSG;
	size = rdata_parse(ret->type, words + next + 1, count - next - 1, data);
	if (size < 0)
		return size;
	ret->data = data;
	ret->data_size = (uint16_t)size;
	return fits(ret) ? 0 : -EBADMSG;
}
