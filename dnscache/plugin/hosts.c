/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/file_identity.h"
#include "dnscache/plugin/hosts.h"
#include "dnscache/plugin/hosts_table.h"
#include "dnscache/plugin/reverse.h"
#include "dnscache/plugin/zones.h"

/* Names of one address may be long: what is left out above it would not fit a message. */
#define ANSWER_BYTES_MAX (32u << 10)

struct hosts {
	const struct hosts_settings *settings;
	const struct dns_name *origins;
	size_t origin_count;
	struct hosts_table table;
	struct file_identity file;
};

/* A word between blanks. */
struct field {
	const char *text;
	size_t length;
};

static bool is_blank(char letter)
{
	return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

static struct field next_field(const char **line, const char *end)
{
	struct field field;

	while (*line < end && is_blank(**line))
		(*line)++;
	field.text = *line;
	while (*line < end && !is_blank(**line) && **line != '#')
		(*line)++;
	field.length = (size_t)(*line - field.text);
	return field;
}

static bool copy_field(const struct field *field, char *buffer, size_t size)
{
	if (field->length == 0 || field->length >= size || memchr(field->text, '\0', field->length))
		return false;
	memcpy(buffer, field->text, field->length);
	buffer[field->length] = '\0';
	return true;
}

/* IPv4 inside IPv6 (::ffff:0:0/96) is IPv4. */
static void unmap(struct prefix *address)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct prefix inner = {.family = AF_INET, .length = 32};

	if (address->family != AF_INET6 || memcmp(address->address, mapped, sizeof(mapped)) != 0)
		return;
	memcpy(inner.address, address->address + sizeof(mapped), 4);
	*address = inner;
}

static bool read_address(const struct field *field, struct prefix *ret)
{
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE];
	char *scope;

	if (!copy_field(field, text, sizeof(text)))
		return false;
	scope = strchr(text, '%');
	if (scope)
		*scope = '\0';
	if (address_parse(text, ret) < 0)
		return false;
	unmap(ret);
	return true;
}

static bool read_name(const struct hosts *hosts, const struct field *field, struct dns_name *ret)
{
	char text[DNS_NAME_TEXT_MAX];

	return copy_field(field, text, sizeof(text)) && dns_name_parse(text, ret) == 0 &&
	       dns_zones_match(hosts->origins, hosts->origin_count, ret);
}

static int add_line(struct hosts *hosts, const char *line, const char *end)
{
	struct field field = next_field(&line, end);
	struct prefix address;
	struct dns_name name;

	if (!read_address(&field, &address))
		return 0;
	for (field = next_field(&line, end); field.length > 0; field = next_field(&line, end)) {
		int failed = read_name(hosts, &field, &name)
		                     ? hosts_table_add(&hosts->table, &name, &address)
		                     : 0;

		if (failed < 0)
			return failed;
	}
	return 0;
}

static int refuse(int reason, const char *file, unsigned line, struct error *err)
{
	if (reason != -E2BIG)
		return error_set(err, reason, "%s: out of memory", file);
	return error_at(err, reason, &(struct error_place){.file = file, .line = line}, NULL,
	                "more than %d entries", HOSTS_ENTRIES_MAX);
}

static int add_inline(struct hosts *hosts, struct error *err)
{
	const struct hosts_settings *settings = hosts->settings;

	for (size_t i = 0; i < settings->inline_count; i++) {
		const char *line = settings->inline_lines[i];
		int failed = add_line(hosts, line, line + strlen(line));

		if (failed < 0)
			return refuse(failed, "hosts", 0, err);
	}
	return 0;
}

static int add_text(struct hosts *hosts, const char *text, size_t length, struct error *err)
{
	const char *end = text + length;

	for (unsigned line = 1; text < end; line++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;
		int failed = add_line(hosts, text, stop);

		if (failed < 0)
			return refuse(failed, hosts->settings->path, line, err);
		text = stop + 1;
	}
	return 0;
}

static int add_file(struct hosts *hosts, struct error *err)
{
	const char *path = hosts->settings->path;
	char *text;
	size_t length;
	int failed;

	if (!path)
		return 0;
	/* Before it is read: a change while it is read is seen as one. */
	(void)file_identity_of(path, &hosts->file);
	failed = file_read(path, HOSTS_FILE_MAX, &text, &length, err);
	if (failed < 0)
		return failed;
	failed = add_text(hosts, text, length, err);
	free(text);
	return failed;
}

int hosts_load(const struct hosts_settings *settings, const struct dns_name *zones,
               size_t zone_count, struct hosts **ret, struct error *err)
{
	bool own = settings->origin_count > 0;
	struct hosts *hosts = calloc(1, sizeof(*hosts));
	int failed;

	if (!hosts)
		return error_set(err, -ENOMEM, "hosts: out of memory");
	hosts->settings = settings;
	hosts->origins = own ? settings->origins : zones;
	hosts->origin_count = own ? settings->origin_count : zone_count;
	failed = add_inline(hosts, err);
	if (failed == 0)
		failed = add_file(hosts, err);
	if (failed == 0 && hosts_table_index(&hosts->table) < 0)
		failed = error_set(err, -ENOMEM, "hosts: out of memory");
	if (failed < 0)
		hosts_free(hosts);
	else
		*ret = hosts;
	return failed;
}

void hosts_free(struct hosts *hosts)
{
	if (!hosts)
		return;
	hosts_table_done(&hosts->table);
	free(hosts);
}

bool hosts_changed(const struct hosts *hosts)
{
	struct file_identity now;

	return hosts->settings->path && hosts->settings->reload > 0 &&
	       file_identity_of(hosts->settings->path, &now) == 0 &&
	       !file_identity_equal(&hosts->file, &now);
}

size_t hosts_entry_count(const struct hosts *hosts)
{
	return (size_t)hosts->table.count * (hosts->settings->no_reverse ? 1 : 2);
}

time_t hosts_loaded_at(const struct hosts *hosts)
{
	return hosts->file.modified.tv_sec;
}

/* A file and the Corefile may say the same; a set of records has every one once (RFC 2181 §5). */
static bool is_there(const struct dns_records *records, const void *data, size_t size)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];

		if (record->data_size == size && memcmp(record->data, data, size) == 0)
			return true;
	}
	return false;
}

/* Returns 1: added, or there already; 0: the answer is full; -ENOMEM. */
static int add_data(const struct hosts *hosts, const void *data, size_t size, size_t *bytes,
                    struct dns_records *records)
{
	int failed;

	if (is_there(records, data, size))
		return 1;
	*bytes += size;
	if (records->count == HOSTS_ANSWERS_MAX || *bytes > ANSWER_BYTES_MAX)
		return 0;
	failed = dns_records_add(records, &(struct dns_record){
						  .owner = records->question.name,
						  .section = DNS_ANSWER,
						  .type = records->question.type,
						  .class = DNS_CLASS_IN,
						  .ttl = hosts->settings->ttl,
						  .data = data,
						  .data_size = (uint16_t)size,
					  });
	return failed < 0 ? failed : 1;
}

static int add_addresses(const struct hosts *hosts, const struct dns_name *name, uint8_t family,
                         struct dns_records *records)
{
	size_t size = family == AF_INET ? 4 : 16;
	const struct hosts_entry *entry = NULL;
	size_t bytes = 0;
	int added = 1;

	while (added > 0 && (entry = hosts_table_of_name(&hosts->table, name, family, entry)))
		added = add_data(hosts, entry->address, size, &bytes, records);
	return added < 0 ? added : 0;
}

static int answer_reverse(const struct hosts *hosts, const struct dns_name *name,
                          struct dns_records *records)
{
	const struct hosts_entry *entry = NULL;
	struct prefix address;
	size_t bytes = 0;
	int added = 1;

	if (hosts->settings->no_reverse || !dns_reverse_address(name, &address))
		return 0;
	unmap(&address);
	while (added > 0 && (entry = hosts_table_of_address(&hosts->table, &address, entry))) {
		struct dns_name host;

		hosts_table_name(&hosts->table, entry, &host);
		added = add_data(hosts, host.wire, host.length, &bytes, records);
	}
	if (added < 0)
		return added;
	records->flags |= records->count > 0 ? DNS_FLAG_AA : 0;
	return records->count > 0;
}

static bool is_host(const struct hosts *hosts, const struct dns_name *name)
{
	return hosts_table_of_name(&hosts->table, name, AF_INET, NULL) ||
	       hosts_table_of_name(&hosts->table, name, AF_INET6, NULL);
}

int hosts_answer(const struct hosts *hosts, const struct dns_question *question,
                 struct dns_records *records)
{
	const struct hosts_settings *settings = hosts->settings;
	const struct dns_name *name = &question->name;
	int failed = 0;

	if (question->type == DNS_TYPE_PTR)
		return answer_reverse(hosts, name, records);
	if (!dns_zones_match(hosts->origins, hosts->origin_count, name))
		return 0;
	if (!is_host(hosts, name)) {
		if (dns_zones_fall_through(settings->fallthrough, settings->fallthrough_zones,
		                           settings->fallthrough_count, name))
			return 0;
		records->rcode = DNS_RCODE_SERVFAIL;
		return 1;
	}
	records->flags |= DNS_FLAG_AA;
	if (question->type == DNS_TYPE_A)
		failed = add_addresses(hosts, name, AF_INET, records);
	if (question->type == DNS_TYPE_AAAA)
		failed = add_addresses(hosts, name, AF_INET6, records);
	return failed < 0 ? failed : 1;
}
