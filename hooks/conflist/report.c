/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/log.h"
#include "hooks/conflist/report.h"

#define PRINT_MAX (4U << 20) /* bytes */

static const struct {
	const char *name;
	const char *planned; /* with --check */
	enum log_level level;
	enum conflist_exit exit;
	enum conflist_exit check_exit;
} outcomes[] = {
	[CONFLIST_IN_PLACE] = {"in-place", "in-place", LOG_LEVEL_INFO, CONFLIST_EXIT_DONE,
                               CONFLIST_EXIT_DONE},
	[CONFLIST_INSERTED] = {"inserted", "would-insert", LOG_LEVEL_INFO, CONFLIST_EXIT_DONE,
                               CONFLIST_EXIT_PENDING},
	[CONFLIST_MOVED] = {"moved", "would-move", LOG_LEVEL_INFO, CONFLIST_EXIT_DONE,
                            CONFLIST_EXIT_PENDING},
	[CONFLIST_YIELDED] = {"not-last", "not-last", LOG_LEVEL_WARNING, CONFLIST_EXIT_DONE,
                              CONFLIST_EXIT_DONE},
	[CONFLIST_REMOVED] = {"removed", "would-remove", LOG_LEVEL_INFO, CONFLIST_EXIT_DONE,
                              CONFLIST_EXIT_PENDING},
	[CONFLIST_LEFT] = {"left-alone", "left-alone", LOG_LEVEL_ERROR, CONFLIST_EXIT_LEFT,
                           CONFLIST_EXIT_LEFT},
	[CONFLIST_NO_NETWORK] = {"no-network", "no-network", LOG_LEVEL_WARNING, CONFLIST_EXIT_DONE,
                                 CONFLIST_EXIT_PENDING},
	[CONFLIST_NO_BINARY] = {"no-binary", "no-binary", LOG_LEVEL_ERROR, CONFLIST_EXIT_BINARY,
                                CONFLIST_EXIT_BINARY},
	[CONFLIST_FAILED] = {"failed", "failed", LOG_LEVEL_ERROR, CONFLIST_EXIT_FAILED,
                             CONFLIST_EXIT_FAILED},
};

/* The first of these that was met is the status of the whole. */
static const enum conflist_exit by_weight[] = {CONFLIST_EXIT_FAILED, CONFLIST_EXIT_BINARY,
                                               CONFLIST_EXIT_LEFT, CONFLIST_EXIT_PENDING};

static const struct conflist_finding *findings(const struct conflist_report *report)
{
	return report->findings.items;
}

void conflist_report_open(struct conflist_report *report)
{
	*report = (struct conflist_report){
		.findings = {.item_size = sizeof(struct conflist_finding)}};
}

void conflist_report_done(struct conflist_report *report)
{
	vector_done(&report->findings);
}

void conflist_report_add(struct conflist_report *report, enum conflist_outcome outcome,
                         const char *file, const char *why)
{
	struct conflist_finding *finding = vector_push(&report->findings);
	if (!finding) {
		report->incomplete = true;
		return;
	}
	finding->outcome = outcome;
	(void)snprintf(finding->file, sizeof(finding->file), "%s", file);
	(void)snprintf(finding->why, sizeof(finding->why), "%s", why);
}

bool conflist_report_equal(const struct conflist_report *a, const struct conflist_report *b)
{
	if (a->findings.count != b->findings.count || a->incomplete != b->incomplete)
		return false;
	for (size_t i = 0; i < a->findings.count; i++) {
		const struct conflist_finding *one = &findings(a)[i];
		const struct conflist_finding *other = &findings(b)[i];
		if (one->outcome != other->outcome || strcmp(one->file, other->file) != 0 ||
		    strcmp(one->why, other->why) != 0)
			return false;
	}
	return true;
}

bool conflist_report_changed(const struct conflist_report *report)
{
	for (size_t i = 0; i < report->findings.count; i++) {
		enum conflist_outcome outcome = findings(report)[i].outcome;
		if (outcome == CONFLIST_INSERTED || outcome == CONFLIST_MOVED ||
		    outcome == CONFLIST_REMOVED)
			return true;
	}
	return false;
}

static bool has_exit(const struct conflist_report *report, bool check, enum conflist_exit exit)
{
	for (size_t i = 0; i < report->findings.count; i++) {
		enum conflist_outcome outcome = findings(report)[i].outcome;
		if ((check ? outcomes[outcome].check_exit : outcomes[outcome].exit) == exit)
			return true;
	}
	return report->incomplete && exit == CONFLIST_EXIT_FAILED;
}

enum conflist_exit conflist_report_exit(const struct conflist_report *report, bool check)
{
	for (size_t i = 0; i < sizeof(by_weight) / sizeof(by_weight[0]); i++)
		if (has_exit(report, check, by_weight[i]))
			return by_weight[i];
	return CONFLIST_EXIT_DONE;
}

static const char *name_of(const struct conflist_finding *finding, bool check)
{
	return check ? outcomes[finding->outcome].planned : outcomes[finding->outcome].name;
}

void conflist_report_log(const struct conflist_report *report, const char *directory, bool check)
{
	char path[PATH_MAX];
	char file[1024];
	char why[1024];
	for (size_t i = 0; i < report->findings.count; i++) {
		const struct conflist_finding *finding = &findings(report)[i];
		(void)snprintf(path, sizeof(path), "%s%s%s", directory, finding->file[0] ? "/" : "",
		               finding->file);
		log_event(outcomes[finding->outcome].level, name_of(finding, check), "file=%s%s%s",
		          log_quote(path, file, sizeof(file)), finding->why[0] ? " why=" : "",
		          finding->why[0] ? log_quote(finding->why, why, sizeof(why)) : "");
	}
	if (report->incomplete)
		log_text(LOG_LEVEL_ERROR, "failed", "out of memory");
}

void conflist_report_print(const struct conflist_report *report, const char *directory, bool check,
                           FILE *stream)
{
	struct buffer out = {.max = PRINT_MAX};
	buffer_add_text(&out, "{\"directory\":");
	buffer_add_json(&out, directory);
	buffer_add_format(&out, ",\"exit\":%d,\"files\":[", conflist_report_exit(report, check));
	for (size_t i = 0; i < report->findings.count; i++) {
		const struct conflist_finding *finding = &findings(report)[i];
		buffer_add_text(&out, i > 0 ? ",{\"file\":" : "{\"file\":");
		buffer_add_json(&out, finding->file);
		buffer_add_format(&out, ",\"outcome\":\"%s\",\"why\":", name_of(finding, check));
		buffer_add_json(&out, finding->why);
		buffer_add_text(&out, "}");
	}
	buffer_add_text(&out, "]}\n");
	if (!out.failed)
		(void)fputs(out.text, stream);
	(void)fflush(stream);
	buffer_done(&out);
}
