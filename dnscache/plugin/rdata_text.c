/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "dnscache/plugin/rdata_text.h"
#include "dnscache/wire/dns.h"

#define TYPE_CAA 257
#define STRING_MAX 255

struct writer {
	const struct rdata_word *next, *end;
	uint8_t *data;
	size_t size;
	bool failed;
};

/* What a word becomes. */
enum part {
	PART_END,
	PART_ADDRESS4,
	PART_ADDRESS6,
	PART_NAME,
	PART_U8,
	PART_U16,
	PART_U32,
	PART_TIME,    /* seconds, or "1h" */
	PART_STRING,  /* <character-string> */
	PART_STRINGS, /* one or more; long ones are cut into several */
	PART_TAG,     /* CAA's: letters and digits, as a <character-string> */
	PART_VALUE,   /* CAA's: all the bytes, without a length */
};

#define PARTS_MAX 7
static const struct shape {
	uint16_t type;
	uint8_t parts[PARTS_MAX + 1];
} shapes[] = {
	{DNS_TYPE_A, {PART_ADDRESS4}},
	{DNS_TYPE_AAAA, {PART_ADDRESS6}},
	{DNS_TYPE_CNAME, {PART_NAME}},
	{DNS_TYPE_DNAME, {PART_NAME}},
	{DNS_TYPE_NS, {PART_NAME}},
	{DNS_TYPE_PTR, {PART_NAME}},
	{DNS_TYPE_MX, {PART_U16, PART_NAME}},
	{DNS_TYPE_TXT, {PART_STRINGS}},
	{DNS_TYPE_SRV, {PART_U16, PART_U16, PART_U16, PART_NAME}},
	{DNS_TYPE_SOA,
         {PART_NAME, PART_NAME, PART_U32, PART_TIME, PART_TIME, PART_TIME, PART_TIME}},
	{DNS_TYPE_HINFO, {PART_STRING, PART_STRING}},
	{DNS_TYPE_NAPTR, {PART_U16, PART_U16, PART_STRING, PART_STRING, PART_STRING, PART_NAME}},
	{TYPE_CAA, {PART_U8, PART_TAG, PART_VALUE}},
};

static uint8_t *reserve(struct writer *writer, size_t size)
{
	uint8_t *at = writer->data + writer->size;

	if (size > RDATA_MAX - writer->size) {
		writer->failed = true;
		return NULL;
	}
	writer->size += size;
	return at;
}

static void put_byte(struct writer *writer, uint8_t byte)
{
	uint8_t *at = reserve(writer, 1);

	if (at)
		*at = byte;
}

/* 0 … max, decimal. */
static int word_number(const struct rdata_word *word, uint64_t max, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < word->length; i++) {
		if (!isdigit((unsigned char)word->text[i]))
			return -EBADMSG;
		*ret = *ret * 10 + (unsigned)(word->text[i] - '0');
		if (*ret > max)
			return -EBADMSG;
	}
	return word->length > 0 ? 0 : -EBADMSG;
}

static uint32_t unit_seconds(char unit)
{
	switch (tolower((unsigned char)unit)) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 604800;
	default:
		return 0;
	}
}

int rdata_word_ttl(const struct rdata_word *word, uint32_t *ret)
{
	uint64_t whole = 0;
	size_t at = 0;

	while (at < word->length) {
		struct rdata_word digits = {.text = word->text + at};
		uint64_t value;
		uint32_t unit = 1;

		while (at < word->length && isdigit((unsigned char)word->text[at]))
			at++;
		digits.length = (size_t)(word->text + at - digits.text);
		if (word_number(&digits, UINT32_MAX, &value) < 0)
			return -EBADMSG;
		if (at < word->length)
			unit = unit_seconds(word->text[at++]);
		whole += value * unit;
		if (unit == 0 || whole > UINT32_MAX)
			return -EBADMSG;
	}
	if (word->length == 0)
		return -EBADMSG;
	*ret = (uint32_t)whole;
	return 0;
}

static int word_text(const struct rdata_word *word, char *buffer, size_t size)
{
	if (word->length >= size)
		return -EBADMSG;
	memcpy(buffer, word->text, word->length);
	buffer[word->length] = '\0';
	return 0;
}

int rdata_word_name(const struct rdata_word *word, struct dns_name *ret)
{
	char text[DNS_NAME_TEXT_MAX];

	if (word_text(word, text, sizeof(text)) < 0)
		return -EBADMSG;
	return dns_name_parse(strcmp(text, "@") == 0 ? "." : text, ret) < 0 ? -EBADMSG : 0;
}

static void put_name(struct writer *writer, const struct rdata_word *word)
{
	struct dns_name name;
	uint8_t *at;

	if (rdata_word_name(word, &name) < 0) {
		writer->failed = true;
		return;
	}
	at = reserve(writer, name.length);
	if (at)
		memcpy(at, name.wire, name.length);
}

static void put_address(struct writer *writer, const struct rdata_word *word, int family)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t *at = reserve(writer, family == AF_INET ? 4 : 16);

	if (!at || word_text(word, text, sizeof(text)) < 0 || inet_pton(family, text, at) != 1)
		writer->failed = true;
}

static void put_number(struct writer *writer, const struct rdata_word *word, unsigned size)
{
	uint64_t value;

	if (word_number(word, UINT32_MAX >> (32 - 8 * size), &value) < 0)
		writer->failed = true;
	for (unsigned shift = 8 * size; !writer->failed && shift > 0; shift -= 8)
		put_byte(writer, (uint8_t)(value >> (shift - 8)));
}

static void put_time(struct writer *writer, const struct rdata_word *word)
{
	uint32_t seconds;
	uint8_t *at = reserve(writer, sizeof(seconds));

	if (!at || rdata_word_ttl(word, &seconds) < 0)
		writer->failed = true;
	else
		dns_put_u32(at, seconds);
}

/* The byte at *at of the word, \. and \DDD among them; *at moves behind it. */
static int next_byte(const struct rdata_word *word, size_t *at)
{
	const char *text = word->text + *at;
	size_t left = word->length - *at;
	unsigned value = 0;

	if (text[0] != '\\') {
		*at += 1;
		return (uint8_t)text[0];
	}
	if (left < 2)
		return -EBADMSG;
	if (!isdigit((unsigned char)text[1])) {
		*at += 2;
		return (uint8_t)text[1];
	}
	if (left < 4)
		return -EBADMSG;
	for (unsigned i = 1; i <= 3; i++) {
		if (!isdigit((unsigned char)text[i]))
			return -EBADMSG;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	*at += 4;
	return value <= UINT8_MAX ? (int)value : -EBADMSG;
}

static void put_value(struct writer *writer, const struct rdata_word *word)
{
	size_t at = 0;

	while (!writer->failed && at < word->length) {
		int byte = next_byte(word, &at);

		if (byte < 0)
			writer->failed = true;
		else
			put_byte(writer, (uint8_t)byte);
	}
}

/* As many as the word's bytes take; an empty word is an empty string. */
static void put_strings(struct writer *writer, const struct rdata_word *word)
{
	size_t at = 0;

	do {
		size_t length_at = writer->size;
		unsigned length = 0;

		put_byte(writer, 0);
		while (!writer->failed && at < word->length && length < STRING_MAX) {
			int byte = next_byte(word, &at);

			if (byte < 0)
				writer->failed = true;
			else
				put_byte(writer, (uint8_t)byte);
			length++;
		}
		if (!writer->failed)
			writer->data[length_at] = (uint8_t)length;
	} while (!writer->failed && at < word->length);
}

static void put_string(struct writer *writer, const struct rdata_word *word)
{
	size_t start = writer->size;

	put_strings(writer, word);
	writer->failed |= writer->size - start > 1 + STRING_MAX;
}

static void put_tag(struct writer *writer, const struct rdata_word *word)
{
	for (size_t i = 0; i < word->length; i++)
		writer->failed |= !isalnum((unsigned char)word->text[i]);
	writer->failed |= word->length == 0;
	put_string(writer, word);
}

static void put_part(struct writer *writer, enum part part)
{
	const struct rdata_word *word = writer->next++;

	switch (part) {
	case PART_END:
		break;
	case PART_ADDRESS4:
		put_address(writer, word, AF_INET);
		break;
	case PART_ADDRESS6:
		put_address(writer, word, AF_INET6);
		break;
	case PART_NAME:
		put_name(writer, word);
		break;
	case PART_U8:
	case PART_U16:
		put_number(writer, word, part == PART_U8 ? 1 : 2);
		break;
	case PART_U32:
		put_number(writer, word, 4);
		break;
	case PART_TIME:
		put_time(writer, word);
		break;
	case PART_STRING:
		put_string(writer, word);
		break;
	case PART_STRINGS:
		put_strings(writer, word);
		while (writer->next < writer->end)
			put_strings(writer, writer->next++);
		break;
	case PART_TAG:
		put_tag(writer, word);
		break;
	case PART_VALUE:
		put_value(writer, word);
		break;
	}
}

static int hex_digit(char letter)
{
	if (isdigit((unsigned char)letter))
		return letter - '0';
	return isxdigit((unsigned char)letter) ? tolower((unsigned char)letter) - 'a' + 10 : -1;
}

/* Words may be cut between the digits of a byte. */
static void put_hex(struct writer *writer)
{
	int high = -1;

	for (; writer->next < writer->end; writer->next++) {
		for (size_t i = 0; i < writer->next->length; i++) {
			int digit = hex_digit(writer->next->text[i]);

			writer->failed |= digit < 0;
			if (writer->failed)
				return;
			if (high >= 0)
				put_byte(writer, (uint8_t)(high << 4 | digit));
			high = high >= 0 ? -1 : digit;
		}
	}
	writer->failed |= high >= 0;
}

static bool is_generic(const struct writer *writer)
{
	const struct rdata_word *word = writer->next;

	return word < writer->end && !word->quoted && word->length == 2 &&
	       memcmp(word->text, "\\#", 2) == 0;
}

static void put_generic(struct writer *writer)
{
	uint64_t size;

	writer->next++;
	if (writer->next == writer->end || word_number(writer->next++, UINT16_MAX, &size) < 0) {
		writer->failed = true;
		return;
	}
	put_hex(writer);
	writer->failed |= writer->size != size;
}

static const uint8_t *parts_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (shapes[i].type == type)
			return shapes[i].parts;
	}
	return NULL;
}

int rdata_parse(uint16_t type, const struct rdata_word *words, size_t count,
                uint8_t ret[static RDATA_MAX])
{
	struct writer writer = {.next = words, .end = words + count, .data = ret};
	const uint8_t *parts = parts_of(type);

	if (is_generic(&writer)) {
		put_generic(&writer);
		return writer.failed ? -EBADMSG : (int)writer.size;
	}
	if (!parts)
		return -EBADMSG;
	for (; !writer.failed && *parts != PART_END; parts++) {
		if (writer.next == writer.end)
			return -EBADMSG;
		put_part(&writer, *parts);
	}
	return writer.failed || writer.next < writer.end ? -EBADMSG : (int)writer.size;
}
