/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dnscache/tell/query_log.h"
#include "dnscache/serve/worker_parts.h"

#define LINE_ROOM 2048
#define COMMON                                                                                     \
	"{remote}:{port} - {>id} \"{type} {class} {name} {proto} {size} {>do} {>bufsize}\" "       \
	"{rcode} {>rflags} {rsize} {duration}"

/* What a line is written of. */
struct logged {
	const struct client *client;
	const struct dns_query *query;
	uint16_t flags;
	uint16_t rcode;
	size_t size;
	uint64_t microseconds;
};

struct line {
	char text[LINE_ROOM];
	size_t length;
};

static _Atomic uint64_t lost;

static void __attribute__((format(printf, 2, 3))) put(struct line *line, const char *format, ...)
{
	va_list arguments;
	size_t room = sizeof(line->text) - line->length;
	va_start(arguments, format);
	int used = vsnprintf(line->text + line->length, room, format, arguments);
	va_end(arguments);
	if (used > 0)
		line->length += (size_t)used < room ? (size_t)used : room - 1;
}

static void put_address(struct line *line, const struct logged *logged)
{
	char text[INET6_ADDRSTRLEN] = "";
	const struct client *client = logged->client;
	bool six = client->address.any.sa_family == AF_INET6;
	(void)inet_ntop(six ? AF_INET6 : AF_INET,
	                six ? (const void *)&client->address.six.sin6_addr
	                    : (const void *)&client->address.four.sin_addr,
	                text, sizeof(text));
	put(line, six ? "[%s]" : "%s", text);
}

static void put_port(struct line *line, const struct logged *logged)
{
	/* At the same place in both families' addresses. */
	put(line, "%u", ntohs(logged->client->address.four.sin_port));
}

static void put_id(struct line *line, const struct logged *logged)
{
	put(line, "%u", logged->query->id);
}

static void put_type(struct line *line, const struct logged *logged)
{
	char text[DNS_NUMBER_TEXT_MAX];
	put(line, "%s", dns_type_text(logged->query->type, text));
}

static void put_class(struct line *line, const struct logged *logged)
{
	(void)logged;
	put(line, "IN");
}

static void put_name(struct line *line, const struct logged *logged)
{
	char text[DNS_NAME_TEXT_MAX];
	put(line, "%s", dns_name_text(&logged->query->name, text));
}

static void put_protocol(struct line *line, const struct logged *logged)
{
	put(line, "%s", logged->client->connection ? "tcp" : "udp");
}

static void put_size(struct line *line, const struct logged *logged)
{
	put(line, "%u", logged->query->size);
}

static void put_dnssec_ok(struct line *line, const struct logged *logged)
{
	put(line, "%s", logged->query->edns.dnssec_ok ? "true" : "false");
}

static void put_bufsize(struct line *line, const struct logged *logged)
{
	put(line, "%u", logged->query->edns.present ? logged->query->edns.udp_size : DNS_UDP_PLAIN);
}

static void put_rcode(struct line *line, const struct logged *logged)
{
	char text[DNS_NUMBER_TEXT_MAX];
	put(line, "%s", dns_rcode_text(logged->rcode, text));
}

static void put_flags(struct line *line, const struct logged *logged)
{
	static const struct {
		uint16_t flag;
		const char *name;
	} names[] = {{DNS_FLAG_QR, "qr"}, {DNS_FLAG_AA, "aa"}, {DNS_FLAG_TC, "tc"},
	             {DNS_FLAG_RD, "rd"}, {DNS_FLAG_RA, "ra"}, {DNS_FLAG_AD, "ad"},
	             {DNS_FLAG_CD, "cd"}};
	const char *comma = "";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (logged->flags & names[i].flag) {
			put(line, "%s%s", comma, names[i].name);
			comma = ",";
		}
}

static void put_reply_size(struct line *line, const struct logged *logged)
{
	put(line, "%zu", logged->size);
}

static void put_duration(struct line *line, const struct logged *logged)
{
	put(line, "%.9fs", (double)logged->microseconds / 1e6);
}

static void put_opcode(struct line *line, const struct logged *logged)
{
	put(line, "%u", (logged->query->flags & DNS_FLAGS_OPCODE) >> 11);
}

static void put_local(struct line *line, const struct logged *logged)
{
	char text[PREFIX_TEXT_MAX];
	put(line, "%s", prefix_text(&logged->client->endpoint->address, text));
}

static const struct {
	const char *name;
	void (*put)(struct line *line, const struct logged *logged);
} fields[] = {
	{"{remote}", put_address},   {"{port}", put_port},         {"{>id}", put_id},
	{"{type}", put_type},        {"{class}", put_class},       {"{name}", put_name},
	{"{proto}", put_protocol},   {"{size}", put_size},         {"{>do}", put_dnssec_ok},
	{"{>bufsize}", put_bufsize}, {"{rcode}", put_rcode},       {"{>rflags}", put_flags},
	{"{rsize}", put_reply_size}, {"{duration}", put_duration}, {"{>opcode}", put_opcode},
	{"{local}", put_local},
};

static void put_format(struct line *line, const char *format, const struct logged *logged)
{
	while (*format) {
		size_t i = 0;
		size_t count = sizeof(fields) / sizeof(fields[0]);
		while (i < count && strncmp(format, fields[i].name, strlen(fields[i].name)) != 0)
			i++;
		if (i < count) {
			fields[i].put(line, logged);
			format += strlen(fields[i].name);
		} else {
			put(line, "%c", *format++);
		}
	}
}

static bool is_wanted(const struct log_settings *settings, const struct logged *logged,
                      size_t answers)
{
	enum log_class class = LOG_CLASS_ERROR;
	if (logged->rcode == DNS_RCODE_NXDOMAIN ||
	    (logged->rcode == DNS_RCODE_NOERROR && answers == 0))
		class = LOG_CLASS_DENIAL;
	else if (logged->rcode == DNS_RCODE_NOERROR)
		class = LOG_CLASS_SUCCESS;
	if (!(settings->classes & (1U << class | 1U << LOG_CLASS_ALL)))
		return false;
	for (size_t i = 0; i < settings->name_count; i++)
		if (dns_name_under(&logged->query->name, &settings->names[i]))
			return true;
	return settings->name_count == 0;
}

void query_log(const struct log_settings *settings, const struct client *client,
               const struct dns_query *query, const uint8_t *reply, size_t size,
               uint64_t microseconds)
{
	struct logged logged = {
		.client = client,
		.query = query,
		.flags = dns_u16(reply + 2),
		.rcode = dns_u16(reply + 2) & DNS_FLAGS_RCODE,
		.size = size,
		.microseconds = microseconds,
	};
	struct line line = {.length = 0};
	if (!is_wanted(settings, &logged, dns_u16(reply + 6)))
		return;
	put(&line, "[INFO] ");
	if (!settings->format || strcmp(settings->format, "{common}") == 0)
		put_format(&line, COMMON, &logged);
	else if (strcmp(settings->format, "{combined}") == 0)
		put_format(&line, COMMON " \"{>opcode}\"", &logged);
	else
		put_format(&line, settings->format, &logged);
	if (line.length == sizeof(line.text) - 1)
		line.length--;
	line.text[line.length++] = '\n';
	/* One write a line: lines of several workers do not mix. */
	if (write(STDOUT_FILENO, line.text, line.length) < 0)
		atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
}

uint64_t query_log_lost(void)
{
	return atomic_load_explicit(&lost, memory_order_relaxed);
}
