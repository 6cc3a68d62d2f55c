/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnscache/wire/dns.h"
#include "tests/unit/dns_messages.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT_LINE_MAX 140000

/* What stands in the data of a type: n name, 1 2 4 numbers, y type, a A addresses, t string, h hex
 * to the end. */
static const struct {
	const char *type;
	const char *fields;
} shapes[] = {
	{"A", "a"},       {"AAAA", "A"},       {"CNAME", "n"},         {"NS", "n"},
	{"PTR", "n"},     {"DNAME", "n"},      {"MX", "2n"},           {"SRV", "222n"},
	{"TXT", "t"},     {"SOA", "nn44444"},  {"NSEC", "nh"},         {"DS", "211h"},
	{"HTTPS", "2nh"}, {"NAPTR", "22tttn"}, {"RRSIG", "y114442nh"},
};

static const struct {
	const char *name;
	uint16_t bit;
} flags[] = {{"qr", 0x8000}, {"aa", 0x400}, {"tc", 0x200}, {"rd", 0x100},
             {"ra", 0x80},   {"z", 0x40},   {"ad", 0x20},  {"cd", 0x10}};

static const char *const sections[] = {"question", "answer", "authority", "additional"};

static const char *fields_of(const char *type)
{
	for (size_t i = 0; i < COUNT(shapes); i++)
		if (strcmp(shapes[i].type, type) == 0)
			return shapes[i].fields;
	return "h";
}

struct writer {
	uint8_t *bytes;
	size_t size;
};

static void put(struct writer *writer, uint64_t value, unsigned size)
{
	assert_true(writer->size + size <= MESSAGE_MAX);
	while (size-- > 0)
		writer->bytes[writer->size++] = (uint8_t)(value >> 8 * size);
}

static void put_hex(struct writer *writer, const char *text)
{
	char digits[3] = "";
	if (strcmp(text, "-") == 0)
		return;
	for (; text[0] && text[1]; text += 2) {
		memcpy(digits, text, 2);
		put(writer, strtoul(digits, NULL, 16), 1);
	}
}

static void put_string(struct writer *writer, const char *text)
{
	put(writer, strlen(text), 1);
	for (; *text; text++)
		put(writer, (uint8_t)*text, 1);
}

static void put_name(struct writer *writer, const char *text)
{
	while (*text && strcmp(text, ".") != 0) {
		size_t length_at = writer->size;
		put(writer, 0, 1);
		for (; *text && *text != '.'; text++) {
			char digits[4] = "";
			if (*text != '\\') {
				put(writer, (uint8_t)*text, 1);
				continue;
			}
			memcpy(digits, text + 1, 3);
			put(writer, strtoul(digits, NULL, 10), 1);
			text += 3;
		}
		writer->bytes[length_at] = (uint8_t)(writer->size - length_at - 1);
		text += *text == '.';
	}
	put(writer, 0, 1);
}

static uint16_t type_of(const char *text)
{
	uint16_t type = 0;
	if (dns_type_parse(text, &type) < 0)
		fail_msg("no type: %s", text);
	return type;
}

static void put_field(struct writer *writer, char field, const char *text)
{
	uint8_t address[16];
	switch (field) {
	case 'n':
		put_name(writer, text);
		break;
	case 't':
		put_string(writer, text);
		break;
	case 'h':
		put_hex(writer, text);
		break;
	case 'y':
		put(writer, type_of(text), 2);
		break;
	case 'a':
	case 'A':
		assert_int_equal(inet_pton(field == 'a' ? AF_INET : AF_INET6, text, address), 1);
		for (unsigned i = 0; i < (field == 'a' ? 4 : 16); i++)
			put(writer, address[i], 1);
		break;
	default:
		put(writer, strtoul(text, NULL, 10), (unsigned)(field - '0'));
	}
}

static const char *word(char **rest)
{
	const char *text = strtok_r(NULL, " \t", rest);
	if (!text)
		fail_msg("a line of a message ends too early");
	return text ? text : "";
}

static void put_header(struct writer *writer, char **rest)
{
	uint16_t value = 0;
	dns_put_u16(writer->bytes, (uint16_t)strtoul(word(rest), NULL, 10));
	for (const char *text; (text = strtok_r(NULL, " \t", rest));) {
		if (strncmp(text, "opcode=", 7) == 0)
			value |= (uint16_t)(strtoul(text + 7, NULL, 10) << 11);
		if (strncmp(text, "rcode=", 6) == 0)
			value |= (uint16_t)strtoul(text + 6, NULL, 10);
		for (size_t i = 0; i < COUNT(flags); i++)
			if (strcmp(text, flags[i].name) == 0)
				value |= flags[i].bit;
	}
	dns_put_u16(writer->bytes + 2, value);
}

static void put_question(struct writer *writer, char **rest)
{
	uint16_t class = DNS_CLASS_IN;
	put_name(writer, word(rest));
	put(writer, type_of(word(rest)), 2);
	const char *text = strtok_r(NULL, " \t", rest);
	if (text)
		assert_int_equal(dns_class_parse(text, &class), 0);
	put(writer, class, 2);
}

static void put_record(struct writer *writer, char **rest)
{
	put_name(writer, word(rest));
	unsigned long ttl = strtoul(word(rest), NULL, 10);
	const char *type = word(rest);
	put(writer, type_of(type), 2);
	put(writer, DNS_CLASS_IN, 2);
	put(writer, ttl, 4);
	put(writer, 0, 2);
	size_t begin = writer->size;
	for (const char *field = fields_of(type); *field; field++)
		put_field(writer, *field, word(rest));
	dns_put_u16(writer->bytes + begin - 2, (uint16_t)(writer->size - begin));
}

static void put_option(struct writer *writer, unsigned code, const char *hex)
{
	put(writer, code, 2);
	put(writer, 0, 2);
	size_t begin = writer->size;
	put_hex(writer, hex);
	dns_put_u16(writer->bytes + begin - 2, (uint16_t)(writer->size - begin));
}

static void put_ede(struct writer *writer, const char *text)
{
	char *colon;
	unsigned long code = strtoul(text, &colon, 10);
	put(writer, DNS_OPTION_EDE, 2);
	put(writer, 2 + strlen(colon + 1), 2);
	put(writer, code, 2);
	for (const char *at = colon + 1; *at; at++)
		put(writer, (uint8_t)*at, 1);
}

static void put_opt(struct writer *writer, char **rest)
{
	size_t begin = writer->size;
	put(writer, 0, 1);
	put(writer, DNS_TYPE_OPT, 2);
	put(writer, strtoul(word(rest), NULL, 10), 2);
	put(writer, 0, 6);
	for (const char *text; (text = strtok_r(NULL, " \t", rest));) {
		const char *value = strchr(text, '=');
		value = value ? value + 1 : "";
		if (strcmp(text, "do") == 0)
			writer->bytes[begin + 7] |= 0x80;
		else if (strncmp(text, "version=", 8) == 0)
			writer->bytes[begin + 6] = (uint8_t)strtoul(value, NULL, 10);
		else if (strncmp(text, "high=", 5) == 0)
			writer->bytes[begin + 5] = (uint8_t)strtoul(value, NULL, 10);
		else if (strncmp(text, "cookie=", 7) == 0)
			put_option(writer, DNS_OPTION_COOKIE, value);
		else if (strcmp(text, "keepalive") == 0)
			put_option(writer, DNS_OPTION_KEEPALIVE, "-");
		else if (strncmp(text, "ede=", 4) == 0)
			put_ede(writer, value);
		else if (strncmp(text, "option=", 7) == 0)
			put_option(writer, (unsigned)strtoul(value, NULL, 10),
			           strchr(value, ':') + 1);
		else
			fail_msg("opt: %s", text);
	}
	dns_put_u16(writer->bytes + begin + 9, (uint16_t)(writer->size - begin - 11));
}

static void add_count(struct writer *writer, unsigned section)
{
	uint8_t *at = writer->bytes + 4 + 2 * section;
	dns_put_u16(at, (uint16_t)(dns_u16(at) + 1));
}

static void put_line(struct writer *writer, char *line)
{
	char *rest;
	const char *kind = strtok_r(line, " \t", &rest);
	if (!kind)
		return;
	if (strcmp(kind, "header") == 0) {
		put_header(writer, &rest);
		return;
	}
	if (strcmp(kind, "hex") == 0) {
		put_hex(writer, word(&rest));
		return;
	}
	if (strcmp(kind, "opt") == 0) {
		put_opt(writer, &rest);
		add_count(writer, 3);
		return;
	}
	for (unsigned i = 0; i < COUNT(sections); i++) {
		if (strcmp(kind, sections[i]) != 0)
			continue;
		if (i == 0)
			put_question(writer, &rest);
		else
			put_record(writer, &rest);
		add_count(writer, i);
		return;
	}
	fail_msg("a line of a message: %s", kind);
}

size_t message_write(const char *text, uint8_t ret[static MESSAGE_MAX])
{
	struct writer writer = {.bytes = ret, .size = DNS_HEADER_SIZE};
	static char line[TEXT_LINE_MAX];
	memset(ret, 0, DNS_HEADER_SIZE);
	while (*text) {
		size_t length = strcspn(text, "\n");
		assert_true(length < sizeof(line));
		memcpy(line, text, length);
		line[length] = '\0';
		put_line(&writer, line);
		text += length + (text[length] == '\n');
	}
	return writer.size;
}

uint8_t *message_new(const char *text, size_t *size)
{
	static uint8_t bytes[MESSAGE_MAX];
	*size = message_write(text, bytes);
	uint8_t *copy = malloc(*size);
	if (!copy)
		abort();
	memcpy(copy, bytes, *size);
	return copy;
}

struct reader {
	const uint8_t *bytes;
	size_t size;
	size_t at;
	char *to;
};

static char text_buffer[MESSAGE_TEXT_MAX];

__attribute__((format(printf, 2, 3))) static void say(struct reader *reader, const char *format,
                                                      ...)
{
	va_list arguments;
	size_t room = (size_t)(text_buffer + sizeof(text_buffer) - reader->to);
	va_start(arguments, format);
	int length = vsnprintf(reader->to, room, format, arguments);
	va_end(arguments);
	assert_true(length >= 0 && (size_t)length < room);
	reader->to += length;
}

static uint32_t get(struct reader *reader, unsigned size)
{
	uint32_t value = 0;
	if (reader->size - reader->at < size)
		fail_msg("a message ends too early");
	while (size-- > 0)
		value = value << 8 | reader->bytes[reader->at++];
	return value;
}

static void say_name(struct reader *reader)
{
	size_t behind = 0;
	unsigned total = 1;
	unsigned label = get(reader, 1);
	if (label == 0)
		say(reader, ".");
	for (unsigned steps = 0; label > 0; label = get(reader, 1)) {
		assert_true(++steps < 300);
		if (label >= 0xc0) {
			size_t target = (label & 0x3f) << 8 | get(reader, 1);
			if (behind == 0)
				behind = reader->at;
			assert_true(target < reader->at - 2);
			reader->at = target;
			continue;
		}
		assert_true(label < 64);
		total += label + 1;
		for (; label > 0; label--) {
			uint8_t byte = (uint8_t)get(reader, 1);
			bool plain = byte > ' ' && byte < 0x7f && byte != '.' && byte != '\\';
			say(reader, plain ? "%c" : "\\%03u", byte);
		}
		say(reader, ".");
	}
	assert_true(total <= 255);
	if (behind > 0)
		reader->at = behind;
}

static void say_hex(struct reader *reader, size_t end)
{
	if (reader->at == end)
		say(reader, "-");
	while (reader->at < end)
		say(reader, "%02x", get(reader, 1));
}

static void say_field(struct reader *reader, char field, size_t end)
{
	char buffer[INET6_ADDRSTRLEN];
	unsigned size = field == 'a' ? 4 : 16;
	switch (field) {
	case 'n':
		say_name(reader);
		break;
	case 't':
		for (unsigned length = get(reader, 1); length > 0; length--)
			say(reader, "%c", (char)get(reader, 1));
		break;
	case 'h':
		say_hex(reader, end);
		break;
	case 'y':
		say(reader, "%s", dns_type_text((uint16_t)get(reader, 2), buffer));
		break;
	case 'a':
	case 'A':
		assert_true(end - reader->at == size);
		say(reader, "%s",
		    inet_ntop(field == 'a' ? AF_INET : AF_INET6, reader->bytes + reader->at, buffer,
		              sizeof(buffer)));
		reader->at += size;
		break;
	default:
		say(reader, "%u", get(reader, (unsigned)(field - '0')));
	}
}

static void say_option(struct reader *reader)
{
	unsigned code = get(reader, 2);
	size_t end = get(reader, 2);
	end += reader->at;
	assert_true(end <= reader->size);
	if (code == DNS_OPTION_COOKIE) {
		say(reader, " cookie=");
		say_hex(reader, end);
	} else if (code == DNS_OPTION_KEEPALIVE && end > reader->at) {
		say(reader, " keepalive=%u", get(reader, 2));
	} else if (code == DNS_OPTION_EDE) {
		say(reader, " ede=%u:", get(reader, 2));
		while (reader->at < end)
			say(reader, "%c", (char)get(reader, 1));
	} else {
		say(reader, " option=%u:", code);
		say_hex(reader, end);
	}
	assert_true(reader->at == end);
}

static void say_opt(struct reader *reader)
{
	say(reader, "opt %u", get(reader, 2));
	unsigned high = get(reader, 1);
	unsigned version = get(reader, 1);
	unsigned bits = get(reader, 2);
	if (bits & 0x8000)
		say(reader, " do");
	if (version > 0)
		say(reader, " version=%u", version);
	if (high > 0)
		say(reader, " high=%u", high);
	size_t end = get(reader, 2);
	end += reader->at;
	while (reader->at < end)
		say_option(reader);
	assert_true(reader->at == end);
}

static void say_record(struct reader *reader, const char *section)
{
	char buffer[DNS_NUMBER_TEXT_MAX];
	char *begin = reader->to;
	say(reader, "%s ", section);
	say_name(reader);
	uint16_t type = (uint16_t)get(reader, 2);
	if (type == DNS_TYPE_OPT) {
		reader->to = begin;
		say_opt(reader);
		say(reader, "\n");
		return;
	}
	assert_int_equal(get(reader, 2), DNS_CLASS_IN);
	say(reader, " %u", get(reader, 4));
	const char *name = dns_type_text(type, buffer);
	say(reader, " %s", name);
	size_t end = get(reader, 2);
	end += reader->at;
	assert_true(end <= reader->size);
	for (const char *field = fields_of(name); *field; field++) {
		say(reader, " ");
		say_field(reader, *field, end);
	}
	assert_true(reader->at == end);
	say(reader, "\n");
}

static void say_header(struct reader *reader)
{
	say(reader, "header %u", get(reader, 2));
	unsigned value = get(reader, 2);
	for (size_t i = 0; i < COUNT(flags); i++)
		if (value & flags[i].bit)
			say(reader, " %s", flags[i].name);
	if (value >> 11 & 15)
		say(reader, " opcode=%u", value >> 11 & 15);
	if (value & 15)
		say(reader, " rcode=%u", value & 15);
	say(reader, "\n");
}

static void say_question(struct reader *reader)
{
	char buffer[DNS_NUMBER_TEXT_MAX];
	say(reader, "question ");
	say_name(reader);
	say(reader, " %s", dns_type_text((uint16_t)get(reader, 2), buffer));
	unsigned class = get(reader, 2);
	if (class != DNS_CLASS_IN)
		say(reader, " CLASS%u", class);
	say(reader, "\n");
}

const char *message_text(const uint8_t *message, size_t size)
{
	struct reader reader = {.bytes = message, .size = size, .to = text_buffer};
	unsigned counts[COUNT(sections)];
	say_header(&reader);
	for (size_t i = 0; i < COUNT(sections); i++)
		counts[i] = get(&reader, 2);
	for (size_t i = 0; i < COUNT(sections); i++)
		for (unsigned j = 0; j < counts[i]; j++)
			if (i == 0)
				say_question(&reader);
			else
				say_record(&reader, sections[i]);
	if (reader.at != size)
		fail_msg("%zu bytes behind a message", size - reader.at);
	return text_buffer;
}
