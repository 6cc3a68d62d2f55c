/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#define LINE_MAX_BYTES 2048

static enum log_level most = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	most = level;
}

void log_event(enum log_level level, const char *event, const char *detail, ...)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	char line[LINE_MAX_BYTES];
	if (level > most)
		return;
	int used = snprintf(line, sizeof(line), "level=%s event=%s", levels[level], event);
	size_t length = (size_t)used;
	if (detail[0] && length < sizeof(line) - 2) {
		va_list arguments;
		line[length++] = ' ';
		va_start(arguments, detail);
		used = vsnprintf(line + length, sizeof(line) - length - 1, detail, arguments);
		va_end(arguments);
		if (used > 0)
			length += (size_t)used;
	}
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	/* One write a line: lines of several processes do not mix. There is nowhere to report to.
	 */
	ssize_t written = write(STDERR_FILENO, line, length);
	(void)written;
}

const char *log_quote(const char *text, char *buffer, unsigned size)
{
	unsigned used = 0;
	buffer[used++] = '"';
	for (const char *c = text; *c && used + 6 < size; c++) {
		unsigned char byte = (unsigned char)*c;
		if (byte == '"' || byte == '\\')
			buffer[used++] = '\\';
		if (byte < ' ' || byte >= 0x7f)
			used += (unsigned)snprintf(buffer + used, 5, "\\x%02x", byte);
		else
			buffer[used++] = *c;
	}
	buffer[used++] = '"';
	buffer[used] = '\0';
	return buffer;
}

void log_text(enum log_level level, const char *event, const char *text)
{
	char quoted[LINE_MAX_BYTES / 2];
	log_event(level, event, "text=%s", log_quote(text, quoted, sizeof(quoted)));
}
