/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/config.h"
#include "common/log.h"
#include "hooks/eni-gc/gc_host.h"
#include "hooks/eni-gc/gc_host_act.h"
#include "hooks/eni-gc/gc_host_judge.h"
#include "hooks/eni-gc/gc_host_leftovers.h"
#include "hooks/eni-gc/gc_host_local.h"
#include "hooks/eni-gc/gc_host_options.h"

struct run {
	struct gc_host_options options;
	struct config *config;
	const char *journal;
	struct gc_evidence evidence;
	struct gc_sight sight;
	struct vector leftovers; /* of the first look */
	bool deaf[2];            /* IPv4, IPv6: nothing led to table local at the first look */
	struct gc_report report;
	struct gc_act act;
};

static const uint8_t families[2] = {AF_INET, AF_INET6};

static void gather_evidence(struct run *run)
{
	if (run->options.boot)
		return;
	gc_evidence_gather(run->config, run->options.runtimes, run->options.runtime_count,
	                   &run->evidence);
	for (size_t i = 0; i < run->evidence.note_count; i++)
		gc_report_note(&run->report, run->evidence.notes[i].text);
}

static int take_sight(struct run *run, struct error *err)
{
	int r = gc_sight_take(run->journal, &run->sight, err);
	if (r < 0)
		return r;
	const struct error *broken = run->sight.broken.items;
	for (size_t i = 0; i < run->sight.broken.count; i++)
		gc_report_failure(&run->report, &broken[i]);
	gc_judge_attachments(&run->sight, &run->evidence);
	return 0;
}

static void treat_attachments(struct run *run)
{
	const struct gc_attachment *items = run->sight.attachments.items;
	for (size_t i = 0; i < run->sight.attachments.count; i++) {
		/* Nobody was asked who might protect it. */
		if (run->options.boot && gc_of_this_boot(&run->sight, &items[i].attachment))
			continue;
		gc_report_attachment(&run->report, &items[i].attachment, &items[i].judgement);
		if (items[i].judgement.verdict == GC_GONE)
			gc_act_attachment(&run->act, &items[i].attachment);
		else
			run->report.kept++;
	}
}

/* Returns whether anything has to be looked at again. */
static bool find_leftovers(struct run *run)
{
	struct error failure = {0};
	bool any = false;
	if (gc_leftovers_find(&run->sight, &run->evidence, &run->leftovers, &failure) < 0) {
		gc_report_failure(&run->report, &failure);
		return false;
	}
	const struct gc_leftover *items = run->leftovers.items;
	for (size_t i = 0; i < run->leftovers.count; i++) {
		if (items[i].judgement.verdict == GC_GONE) {
			any = true;
			continue;
		}
		gc_report_leftover(&run->report, &items[i]);
		run->report.kept++;
	}
	return any;
}

static bool is_deaf(struct run *run, uint8_t family)
{
	struct error failure = {0};
	int r = gc_local_rule_missing(family, &failure);
	if (r < 0)
		gc_report_failure(&run->report, &failure);
	return r > 0;
}

static bool find_deafness(struct run *run)
{
	for (size_t i = 0; i < 2; i++)
		run->deaf[i] = is_deaf(run, families[i]);
	return run->deaf[0] || run->deaf[1];
}

static void treat_leftovers(struct run *run)
{
	const struct gc_leftover *items = run->leftovers.items;
	unsigned last = 0;
	for (size_t i = 0; i < run->leftovers.count; i++) {
		if (items[i].judgement.verdict != GC_GONE || items[i].vlan == last)
			continue;
		last = items[i].vlan;
		gc_act_leftovers(&run->act, &run->leftovers, last);
	}
}

static void treat_deafness(struct run *run, uint8_t family)
{
	struct error failure = {0};
	struct error missing = {0};
	bool restored = !run->options.dry_run && gc_local_rule_restore(family, &failure) == 0;
	(void)error_set(&missing, -ENOENT,
	                "%s: no ip rule looked up table local: the node answered nobody. %s",
	                family == AF_INET ? "IPv4" : "IPv6",
	                restored          ? "Rule 20 was added"
	                : failure.text[0] ? failure.text
	                                  : "Rule 20 would be added");
	gc_report_failure(&run->report, &missing);
}

/* The VPC CNI makes a pod's things, and moves the rule of table local, step by step. */
static void look_twice(struct run *run)
{
	const struct timespec pause = {.tv_sec = run->options.settle};
	bool again = find_leftovers(run);
	again = find_deafness(run) || again;
	if (!again)
		return;
	(void)nanosleep(&pause, NULL);
	treat_leftovers(run);
	for (size_t i = 0; i < 2; i++)
		if (run->deaf[i] && is_deaf(run, families[i]))
			treat_deafness(run, families[i]);
}

static int run_host(struct run *run, struct error *err)
{
	gather_evidence(run);
	int r = take_sight(run, err);
	if (r < 0)
		return r;
	treat_attachments(run);
	if (!run->options.boot)
		look_twice(run);
	gc_report_end(&run->report);
	return 0;
}

static void close_run(struct run *run)
{
	vector_done(&run->leftovers);
	gc_sight_done(&run->sight);
	gc_evidence_done(&run->evidence);
	config_free(run->config);
}

static int open_run(struct run *run, struct error *err)
{
	const struct gc_host_options *options = &run->options;
	int r = config_find(options->config, &run->config, err);
	if (r < 0)
		return r;
	run->journal = options->journal ? options->journal : run->config->hooks.journal;
	run->report = (struct gc_report){.out = stdout,
	                                 .json = options->json,
	                                 .dry_run = options->dry_run,
	                                 .quiet = options->quiet,
	                                 .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
	run->act = (struct gc_act){
		.journal = run->journal, .evidence = &run->evidence, .report = &run->report};
	return 0;
}

int gc_host_main(int argc, char **argv)
{
	struct run run = {0};
	struct error err = {0};
	if (gc_host_options_parse(argc, argv, &run.options, &err) < 0) {
		(void)fprintf(stderr, "%s%s%s", err.text, err.text[0] ? "\n\n" : "", gc_host_usage);
		return GC_HOST_USAGE;
	}
	if (run.options.help) {
		(void)fputs(gc_host_usage, stdout);
		return GC_HOST_DONE;
	}
	/* A server that hangs up is no reason to die. */
	(void)signal(SIGPIPE, SIG_IGN);
	int status = GC_HOST_USAGE;
	int r = open_run(&run, &err);
	if (r == 0) {
		status = GC_HOST_BLIND;
		r = run_host(&run, &err);
	}
	if (r < 0)
		log_text(LOG_LEVEL_ERROR, "failed", err.text);
	close_run(&run);
	if (r < 0)
		return status;
	return run.report.failed > 0 ? GC_HOST_FAILED : GC_HOST_DONE;
}
