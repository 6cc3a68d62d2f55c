/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "hooks/eni-gc/gc_host_judge.h"
#include "hooks/eni-gc/gc_host_report.h"

#define LINE_MAX_BYTES (16U << 10)
#define SANDBOX_SHOWN 13 /* characters; as runtimes abbreviate an id */

enum colour { OFF, GOOD, BAD, DIM };

static const char *colour(const struct gc_report *report, enum colour wanted)
{
	static const char *const codes[] = {"\033[0m", "\033[32m", "\033[31m", "\033[2m"};
	return report->colour ? codes[wanted] : "";
}

/* Names of files and of runtimes may hold what a terminal, or a reader of JSON, takes amiss. */
static void copy_printable(char *ret, size_t size, const char *text)
{
	size_t used = 0;
	for (; *text && used < size - 1; text++)
		ret[used++] = (char)(*text >= ' ' && *text < 0x7f ? *text : '?');
	ret[used] = '\0';
}

static void add_member(struct buffer *line, const char *key, const char *text)
{
	char printable[1024];
	copy_printable(printable, sizeof(printable), text);
	buffer_add_text(line, line->length > 1 ? "," : "");
	buffer_add_json(line, key);
	buffer_add_text(line, ":");
	buffer_add_json(line, printable);
}

static void begin_line(struct buffer *line, const char *event)
{
	*line = (struct buffer){.max = LINE_MAX_BYTES};
	buffer_add_text(line, "{");
	add_member(line, "event", event);
}

static void end_line(const struct gc_report *report, struct buffer *line)
{
	buffer_add_text(line, "}\n");
	if (!line->failed)
		(void)fputs(line->text, report->out);
	buffer_done(line);
}

static void add_addresses(struct buffer *line, const struct attachment *attachment)
{
	char text[PREFIX_TEXT_MAX];
	buffer_add_text(line, ",\"addresses\":[");
	for (size_t i = 0; i < attachment->address_count; i++) {
		buffer_add_text(line, i ? "," : "");
		buffer_add_json(line, prefix_text(&attachment->addresses[i], text));
	}
	buffer_add_text(line, "]");
}

static void print_attachment_json(const struct gc_report *report,
                                  const struct attachment *attachment,
                                  const struct gc_judgement *judgement)
{
	struct buffer line;
	begin_line(&line, "attachment");
	add_member(&line, "subject", report->subject);
	add_member(&line, "namespace", attachment->namespace);
	add_member(&line, "pod", attachment->pod);
	add_member(&line, "uid", attachment->uid);
	add_member(&line, "sandbox", attachment->sandbox);
	add_member(&line, "ifname", attachment->ifname);
	add_member(&line, "interface", attachment->interface);
	buffer_add_format(&line, ",\"vlan\":%u", attachment->vlan);
	add_addresses(&line, attachment);
	add_member(&line, "verdict", gc_verdict_name(judgement->verdict));
	add_member(&line, "why", judgement->why);
	end_line(report, &line);
}

static void print_subject(const struct gc_report *report, const struct gc_judgement *judgement)
{
	static const enum colour colours[] = {
		[GC_LIVES] = GOOD, [GC_DOUBTFUL] = BAD, [GC_GONE] = OFF};
	char why[sizeof(judgement->why)];
	copy_printable(why, sizeof(why), judgement->why);
	(void)fprintf(report->out, "%s: %s%s%s: %s\n", report->subject,
	              colour(report, colours[judgement->verdict]),
	              gc_verdict_name(judgement->verdict), colour(report, OFF), why);
}

/* "default/web-0 eth0 (sandbox 0123456789abc, vlan 3)" */
static void name_attachment(const struct attachment *attachment, char *ret, size_t size)
{
	char name[GC_SUBJECT_SIZE];
	char vlan[24] = "";
	if (attachment->vlan)
		(void)snprintf(vlan, sizeof(vlan), ", vlan %u", attachment->vlan);
	(void)snprintf(name, sizeof(name), "%s%s%s %s (sandbox %.*s%s)", attachment->namespace,
	               attachment->pod[0] ? "/" : "",
	               attachment->pod[0] ? attachment->pod : "no pod", attachment->ifname,
	               SANDBOX_SHOWN, attachment->sandbox, vlan);
	copy_printable(ret, size, name);
}

void gc_report_attachment(struct gc_report *report, const struct attachment *attachment,
                          const struct gc_judgement *judgement)
{
	name_attachment(attachment, report->subject, sizeof(report->subject));
	if (report->quiet && judgement->verdict == GC_LIVES)
		return;
	if (report->json)
		print_attachment_json(report, attachment, judgement);
	else
		print_subject(report, judgement);
}

static void name_leftover(const struct gc_leftover *leftover, char *ret, size_t size)
{
	if (leftover->vlan)
		(void)snprintf(ret, size, "vlan %u, of no pod in the journal", leftover->vlan);
	else
		copy_printable(ret, size, leftover->text);
}

void gc_report_leftover(struct gc_report *report, const struct gc_leftover *leftover)
{
	struct gc_judgement judgement = leftover->judgement;
	name_leftover(leftover, report->subject, sizeof(report->subject));
	if (report->quiet && judgement.verdict == GC_LIVES)
		return;
	if (leftover->vlan)
		gc_judge(&judgement, leftover->judgement.verdict, "%s: %s", leftover->text,
		         leftover->judgement.why);
	if (!report->json) {
		print_subject(report, &judgement);
		return;
	}
	struct buffer line;
	begin_line(&line, "leftover");
	add_member(&line, "subject", report->subject);
	buffer_add_format(&line, ",\"vlan\":%u", leftover->vlan);
	add_member(&line, "verdict", gc_verdict_name(judgement.verdict));
	add_member(&line, "why", judgement.why);
	end_line(report, &line);
}

static const char *outcome_name(const struct gc_report *report, enum clean_up_outcome outcome)
{
	static const char *const names[] = {[CLEAN_UP_REMOVED] = "removed",
	                                    [CLEAN_UP_KEPT] = "kept",
	                                    [CLEAN_UP_FAILED] = "failed"};
	if (outcome != CLEAN_UP_REMOVED || !report->dry_run)
		return names[outcome];
	return report->json ? "would-remove" : "would remove";
}

static void print_thing(const struct gc_report *report, enum clean_up_outcome outcome,
                        const char *thing, const char *why)
{
	static const enum colour colours[] = {
		[CLEAN_UP_REMOVED] = OFF, [CLEAN_UP_KEPT] = GOOD, [CLEAN_UP_FAILED] = BAD};
	char shown[GC_SUBJECT_SIZE];
	char reason[GC_SUBJECT_SIZE];
	copy_printable(shown, sizeof(shown), thing);
	copy_printable(reason, sizeof(reason), why);
	(void)fprintf(report->out, "  %s%-12s%s  %s%s%s%s%s\n", colour(report, colours[outcome]),
	              outcome_name(report, outcome), colour(report, OFF), shown,
	              colour(report, DIM), reason[0] ? ": " : "", reason, colour(report, OFF));
}

static void print_thing_json(const struct gc_report *report, enum clean_up_outcome outcome,
                             const char *thing, const char *why)
{
	struct buffer line;
	begin_line(&line, "thing");
	add_member(&line, "subject", report->subject);
	add_member(&line, "outcome", outcome_name(report, outcome));
	add_member(&line, "thing", thing);
	add_member(&line, "why", why);
	end_line(report, &line);
}

void gc_report_thing(void *context, enum clean_up_outcome outcome, const char *thing,
                     const char *why)
{
	struct gc_report *report = context;
	size_t *const counts[] = {[CLEAN_UP_REMOVED] = &report->removed,
	                          [CLEAN_UP_KEPT] = &report->kept,
	                          [CLEAN_UP_FAILED] = &report->failed};
	(*counts[outcome])++;
	if (report->quiet && outcome == CLEAN_UP_KEPT)
		return;
	if (report->json)
		print_thing_json(report, outcome, thing, why);
	else
		print_thing(report, outcome, thing, why);
}

static void print_sentence(const struct gc_report *report, const char *event, enum colour wanted,
                           const char *text)
{
	if (report->json) {
		struct buffer line;
		begin_line(&line, event);
		add_member(&line, "text", text);
		end_line(report, &line);
		return;
	}
	char printable[1024];
	copy_printable(printable, sizeof(printable), text);
	(void)fprintf(report->out, "%s%s%s: %s\n", colour(report, wanted), event,
	              colour(report, OFF), printable);
}

void gc_report_failure(struct gc_report *report, const struct error *err)
{
	report->failed++;
	print_sentence(report, "error", BAD, err->text);
}

void gc_report_note(struct gc_report *report, const char *text)
{
	print_sentence(report, "note", DIM, text);
}

void gc_report_end(const struct gc_report *report)
{
	if (report->json) {
		struct buffer line;
		begin_line(&line, "summary");
		buffer_add_format(&line,
		                  ",\"removed\":%zu,\"kept\":%zu,\"failed\":%zu,\"dryRun\":%s",
		                  report->removed, report->kept, report->failed,
		                  report->dry_run ? "true" : "false");
		end_line(report, &line);
		return;
	}
	if (report->quiet && report->removed + report->failed == 0)
		return;
	(void)fprintf(report->out, "%zu %s, %zu kept, %zu failed\n", report->removed,
	              report->dry_run ? "would be removed" : "removed", report->kept,
	              report->failed);
}
