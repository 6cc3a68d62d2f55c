/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CHECK_SUMMARY_H
#define PODSG_CHECK_SUMMARY_H

/* What came of the checks, as a whole. */

#include "nft-sync/check/check.h"

/* A document that could not be read, or a source; part of what could not be judged. */
struct unread {
	const char *what; /* "documents/pods.json" */
	const char *why;
	bool lacking; /* it may not be had, or is not there: facts are missing, nothing is broken */
};

struct check_summary {
	size_t errors, warnings, infos;
	size_t clean;      /* checks that judged something and found nothing */
	size_t idle;       /* checks that had nothing to judge, and knew it */
	size_t not_judged; /* checks whose facts are missing, all or some */
};

/* What the exit status is. */
enum check_exit {
	CHECK_CLEAN,
	CHECK_WARNINGS,
	CHECK_ERRORS,
	CHECK_NOT_JUDGED, /* nothing is known to be wrong, and not all is known */
};

struct check_report {
	const struct check_run *run;
	struct check_summary summary;
	const struct unread *unread;
	size_t unread_count;
	bool partial; /* what is not judged is no reason to fail */
};

enum outcome_state { OUTCOME_CLEAN, OUTCOME_FOUND, OUTCOME_IDLE, OUTCOME_NOT_JUDGED };
/* OUTCOME_NOT_JUDGED only of what found nothing. */
enum outcome_state outcome_state(const struct outcome *outcome);

void check_report_sum(struct check_report *report);
enum check_exit check_report_exit(const struct check_report *report);

#endif
