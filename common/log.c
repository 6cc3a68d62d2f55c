/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

#define LINE_MAX_BYTES 2048
#define EVENTS_MAX 64 /* names of events that are counted at a time */
#define EVENT_NAME_MAX 40

/* How often an event was logged in this second. */
struct pace {
	char event[EVENT_NAME_MAX];
	enum log_level level;
	time_t second;
	unsigned count;
};

static _Atomic enum log_level most = LOG_LEVEL_INFO;
static bool to_journal;
static struct pace paces[EVENTS_MAX];
static pthread_mutex_t paces_lock = PTHREAD_MUTEX_INITIALIZER;

void log_set_level(enum log_level level)
{
	most = level;
}

void log_open(void)
{
	struct stat status;
	const char *stream = getenv("JOURNAL_STREAM"); /* NOLINT(concurrency-mt-unsafe) */
	char own[64];
	to_journal = false;
	if (!stream || fstat(STDERR_FILENO, &status) < 0)
		return;
	snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)status.st_dev,
	         (unsigned long long)status.st_ino);
	to_journal = strcmp(stream, own) == 0;
}

static time_t this_second(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void __attribute__((format(printf, 3, 0)))
write_line(enum log_level level, const char *event, const char *detail, va_list arguments)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	static const int priorities[] = {3, 4, 6, 7};
	char line[LINE_MAX_BYTES];
	size_t length = 0;
	if (to_journal)
		length = (size_t)snprintf(line, sizeof(line), "<%d>", priorities[level]);
	int used = snprintf(line + length, sizeof(line) - length, "level=%s event=%s",
	                    levels[level], event);
	length += (size_t)used;
	if (detail[0] && length < sizeof(line) - 2) {
		line[length++] = ' ';
		used = vsnprintf(line + length, sizeof(line) - length - 1, detail, arguments);
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

static void __attribute__((format(printf, 3, 4)))
write_event(enum log_level level, const char *event, const char *detail, ...)
{
	va_list arguments;
	va_start(arguments, detail);
	write_line(level, event, detail, arguments);
	va_end(arguments);
}

/* The second that the event was counted in is over. */
static void pace_end(struct pace *pace)
{
	if (pace->count > LOG_PER_SECOND)
		write_event(pace->level, "repeated", "of=%s count=%u", pace->event,
		            pace->count - LOG_PER_SECOND);
	pace->count = 0;
}

/* That of the event, or the one that was not used for the longest time. */
static struct pace *pace_of(const char *event)
{
	struct pace *oldest = &paces[0];
	for (size_t i = 0; i < EVENTS_MAX; i++) {
		if (strncmp(paces[i].event, event, EVENT_NAME_MAX - 1) == 0)
			return &paces[i];
		if (paces[i].second < oldest->second)
			oldest = &paces[i];
	}
	pace_end(oldest);
	snprintf(oldest->event, sizeof(oldest->event), "%s", event);
	return oldest;
}

static bool is_too_fast(enum log_level level, const char *event)
{
	time_t now = this_second();
	pthread_mutex_lock(&paces_lock);
	struct pace *pace = pace_of(event);
	if (pace->second != now)
		pace_end(pace);
	pace->level = level;
	pace->second = now;
	bool too_fast = ++pace->count > LOG_PER_SECOND;
	pthread_mutex_unlock(&paces_lock);
	return too_fast;
}

void log_settle(void)
{
	time_t now = this_second();
	pthread_mutex_lock(&paces_lock);
	for (size_t i = 0; i < EVENTS_MAX; i++)
		if (paces[i].second != now)
			pace_end(&paces[i]);
	pthread_mutex_unlock(&paces_lock);
}

void log_event(enum log_level level, const char *event, const char *detail, ...)
{
	va_list arguments;
	if (level > most || is_too_fast(level, event))
		return;
	va_start(arguments, detail);
	write_line(level, event, detail, arguments);
	va_end(arguments);
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
