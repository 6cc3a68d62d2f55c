/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "dnscache/wire/dns.h"
#include "dnscache/wire/name.h"

#define POINTER 0xc0
#define POINTERS_MAX 127 /* as many as a name has labels */
#define WORD sizeof(uint64_t)
#define ONES 0x0101010101010101u

/* Eight letters at once: bit 7 of a byte says whether it is one of A to Z, moved to bit 5 it makes
 * it a small one. */
static uint64_t lower_word(uint64_t word)
{
	uint64_t low = word & ~(ONES << 7);
	uint64_t from_a = low + ONES * (0x80 - 'A');
	uint64_t behind_z = low + ONES * (0x7f - 'Z');
	uint64_t capital = (from_a ^ behind_z) & ~word & ONES << 7;
	return word | capital >> 2;
}

static uint64_t load_lower(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	return lower_word(word);
}

static uint8_t lower_byte(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

void dns_wire_lower(uint8_t *to, const uint8_t *from, size_t size)
{
	if (size < WORD) {
		for (size_t i = 0; i < size; i++)
			to[i] = lower_byte(from[i]);
		return;
	}
	/* The last word may overlap the one before it: that is lower case already. */
	for (size_t i = 0; i < size; i += WORD) {
		size_t at = i + WORD <= size ? i : size - WORD;
		uint64_t word = load_lower(from + at);
		memcpy(to + at, &word, sizeof(word));
	}
}

bool dns_wire_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
	size_t i = 0;
	for (; i + WORD <= size; i += WORD)
		if (load_lower(a + i) != load_lower(b + i))
			return false;
	for (; i < size; i++)
		if (lower_byte(a[i]) != lower_byte(b[i]))
			return false;
	return true;
}

int dns_name_skip(const uint8_t *message, size_t size, size_t *offset)
{
	size_t at = *offset;
	while (at < size && message[at] > 0 && message[at] <= DNS_LABEL_MAX)
		at += 1u + message[at];
	if (at >= size || at - *offset >= DNS_NAME_MAX)
		return -EBADMSG;
	if (message[at] >= POINTER)
		at++;
	else if (message[at] > 0)
		return -EBADMSG;
	if (at >= size)
		return -EBADMSG;
	*offset = at + 1;
	return 0;
}

/* Where the pointer at `at` leads; it must lie before `before`, and not in the header. */
static int follow(const uint8_t *message, size_t size, size_t at, size_t before, size_t *ret)
{
	if (at + 2 > size)
		return -EBADMSG;
	*ret = dns_u16(message + at) & 0x3fff;
	return *ret >= before || *ret < DNS_HEADER_SIZE ? -EBADMSG : 0;
}

int dns_name_read(const uint8_t *message, size_t size, size_t *offset, struct dns_name *ret)
{
	size_t at = *offset;
	size_t end = 0; /* behind the first pointer */
	size_t before = at;
	unsigned pointers = 0;
	size_t length = 0;
	for (;;) {
		if (at >= size)
			return -EBADMSG;
		uint8_t label = message[at];
		if (label >= POINTER) {
			if (end == 0)
				end = at + 2;
			if (++pointers > POINTERS_MAX ||
			    follow(message, size, at, before, &before) < 0)
				return -EBADMSG;
			at = before;
			continue;
		}
		if (label > DNS_LABEL_MAX || label >= size - at ||
		    length + label + (label > 0) >= DNS_NAME_MAX)
			return -EBADMSG;
		memcpy(ret->wire + length, message + at, 1u + label);
		length += 1u + label;
		at += 1u + label;
		if (label == 0)
			break;
	}
	ret->length = (uint8_t)length;
	*offset = end > 0 ? end : at;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One byte of a label; *text moves behind it. Negative: an escape that is none. */
static int parse_byte(const char **text)
{
	const char *at = *text;
	if (at[0] != '\\') {
		*text = at + 1;
		return (uint8_t)at[0];
	}
	if (is_digit(at[1]) && is_digit(at[2]) && is_digit(at[3])) {
		int value = (at[1] - '0') * 100 + (at[2] - '0') * 10 + at[3] - '0';
		*text = at + 4;
		return value <= UINT8_MAX ? value : -EINVAL;
	}
	if (at[1] == '\0' || is_digit(at[1]))
		return -EINVAL;
	*text = at + 2;
	return (uint8_t)at[1];
}

/* One label with its length; *text moves behind its dot. */
static int parse_label(const char **text, struct dns_name *name)
{
	size_t start = name->length;
	size_t length = 0;
	while (**text && **text != '.') {
		int byte = parse_byte(text);
		/* The root's 0 must find room behind it. */
		if (byte < 0 || ++length > DNS_LABEL_MAX || start + length + 1 >= DNS_NAME_MAX)
			return -EINVAL;
		name->wire[start + length] = (uint8_t)byte;
	}
	if (**text == '.')
		++*text;
	if (length == 0)
		return -EINVAL;
	name->wire[start] = (uint8_t)length;
	name->length = (uint8_t)(start + 1 + length);
	return 0;
}

int dns_name_parse(const char *text, struct dns_name *ret)
{
	if (!*text)
		return -EINVAL;
	ret->length = 0;
	if (strcmp(text, ".") == 0)
		text++;
	while (*text)
		if (parse_label(&text, ret) < 0)
			return -EINVAL;
	ret->wire[ret->length++] = 0;
	return 0;
}

static char *write_byte(char *to, uint8_t byte)
{
	if (byte > ' ' && byte < 0x7f) {
		if (byte == '.' || byte == '\\')
			*to++ = '\\';
		*to++ = (char)byte;
		return to;
	}
	*to++ = '\\';
	*to++ = (char)('0' + byte / 100);
	*to++ = (char)('0' + byte / 10 % 10);
	*to++ = (char)('0' + byte % 10);
	return to;
}

const char *dns_name_text(const struct dns_name *name, char buffer[static DNS_NAME_TEXT_MAX])
{
	char *to = buffer;
	for (const uint8_t *label = name->wire; *label; label += 1u + *label) {
		for (unsigned i = 1; i <= *label; i++)
			to = write_byte(to, label[i]);
		*to++ = '.';
	}
	if (to == buffer)
		*to++ = '.';
	*to = '\0';
	return buffer;
}

void dns_name_lower(struct dns_name *name)
{
	dns_wire_lower(name->wire, name->wire, name->length);
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->length == b->length && dns_wire_equal(a->wire, b->wire, a->length);
}

bool dns_name_under(const struct dns_name *name, const struct dns_name *zone)
{
	size_t at = 0;
	while (name->length - at > zone->length)
		at += 1u + name->wire[at];
	return name->length - at == zone->length &&
	       dns_wire_equal(name->wire + at, zone->wire, zone->length);
}

unsigned dns_name_labels(const struct dns_name *name)
{
	unsigned count = 0;
	for (size_t at = 0; name->wire[at]; at += 1u + name->wire[at])
		count++;
	return count;
}

struct dns_name dns_name_parent(const struct dns_name *name)
{
	size_t label = name->wire[0] ? 1u + name->wire[0] : 0;
	struct dns_name parent = {.length = (uint8_t)(name->length - label)};
	memcpy(parent.wire, name->wire + label, parent.length);
	return parent;
}
