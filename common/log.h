/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_LOG_H
#define PODSG_LOG_H

/*
 * One line an event on standard error: level=… event=… and what the caller adds as key=value.
 * Threads may log at once. For programs only; the library and the parts behind main() return errors
 * instead.
 */

#include <stdarg.h>

#define LOG_PER_SECOND 100 /* lines of one event; one line counts the rest */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Where standard error leads to the journal, lines begin with their priority: see sd-daemon(3). */
void log_open(void);
void log_set_level(enum log_level level); /* what is above it is left out; INFO to begin with */

/* log_event(LOG_LEVEL_INFO, "committed", "elements=%zu generation=%u", …). detail may be "". */
void log_event(enum log_level level, const char *event, const char *detail, ...)
	__attribute__((format(printf, 3, 4)));

/* log_event(level, event, "text=…") of a whole sentence, quoted. */
void log_text(enum log_level level, const char *event, const char *text);

/* Says how many lines were left out in seconds that are over. The event itself does, too, when it
 * comes again; call it now and then for those that don't. */
void log_settle(void);

/* A value that may hold blanks or hostile bytes, quoted and escaped. Returns buffer. */
const char *log_quote(const char *text, char *buffer, unsigned size);

#endif
