/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_REPORT_PARTS_H
#define PODSG_REPORT_PARTS_H

#include <cjson/cJSON.h>

#include "common/buffer.h"
#include "nft-sync/ctl/report.h"

/* What cells say, each text once: of 20,000 cells some hundreds differ. */
struct report_texts;
struct report_texts *report_texts_new(void);        /* NULL: no memory */
void report_texts_free(struct report_texts *texts); /* accepts NULL */
/* Takes the cells' families, which are most of a report, and leaves the number of a text. */
void report_texts_take(struct report_texts *texts, cJSON *row);
void report_texts_show(const struct report_texts *texts, struct buffer *page);

/*
 * All that the page shows: {"version", "time", "status", "nodeMode", "pods", "groups", "ends",
 * "left", "rows", "drops"}, and where there is a file of findings "preflight". rows: one of cells
 * for each of the ends, cells as the daemon's "services" has them, null where neither end is a pod.
 * texts takes what they say; NULL: they keep it. The caller deletes the report.
 */
int report_gather(const struct report_options *options, struct report_texts *texts, cJSON **ret,
                  struct error *err);

/* Dropped packets, watched while something else is done. NULL: no memory. */
struct report_watch;
struct report_watch *report_watch_begin(const struct report_options *options);
/* Waits for the rest of the time. {"seconds", "events":[…], "unseen":N, "problem"}; the watch is
 * freed, NULL too. */
cJSON *report_watch_end(struct report_watch *watch);

/*
 * Adds the text to the page: %s is escaped, and so is what else is not ours; %d and %% are
 * printf's. Everything that the page shows goes through here.
 */
void html(struct buffer *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

void report_page(const cJSON *report, const struct report_texts *texts, struct buffer *page);
void report_matrix(const cJSON *report, const struct report_texts *texts, struct buffer *page);
void report_tables(const cJSON *report, struct buffer *page);
/* columns: NULL behind the last. */
void report_open_table(const char *title, const char *const *columns, struct buffer *page);

/* What podsgctl check said, as JSON; the caller deletes it. NULL shows nothing. */
int report_findings_read(const char *path, cJSON **ret, struct error *err);
void report_findings(const cJSON *answer, struct buffer *page);

/* report.css and report.js. */
extern const char report_style[];
extern const char report_script[];

#endif
