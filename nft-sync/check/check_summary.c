/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft-sync/check/check_summary.h"

enum outcome_state outcome_state(const struct outcome *outcome)
{
	if (outcome->found > 0)
		return OUTCOME_FOUND;
	if (outcome->need_count > 0)
		return OUTCOME_NOT_JUDGED;
	return outcome->judged > 0 ? OUTCOME_CLEAN : OUTCOME_IDLE;
}

static void add_found(struct check_summary *summary, enum severity severity, size_t count)
{
	if (severity == SEVERITY_ERROR)
		summary->errors += count;
	else if (severity == SEVERITY_WARNING)
		summary->warnings += count;
	else
		summary->infos += count;
}

void check_report_sum(struct check_report *report)
{
	struct check_summary *summary = &report->summary;
	*summary = (struct check_summary){0};
	for (size_t i = 0; i < report->run->check_count; i++) {
		const struct outcome *outcome = &report->run->outcomes[i];
		enum outcome_state state = outcome_state(outcome);
		if (outcome->skipped)
			continue;
		add_found(summary, report->run->all[i]->severity, outcome->found);
		summary->clean += state == OUTCOME_CLEAN;
		summary->idle += state == OUTCOME_IDLE;
		summary->not_judged += outcome->need_count > 0;
	}
}

/* What is lacking counts as what could not be judged. */
static bool is_incomplete(const struct check_report *report, bool lacking)
{
	for (size_t i = 0; i < report->unread_count; i++)
		if (report->unread[i].lacking == lacking)
			return true;
	return lacking ? report->summary.not_judged > 0 : report->run->failed;
}

enum check_exit check_report_exit(const struct check_report *report)
{
	const struct check_summary *summary = &report->summary;
	if (summary->errors > 0)
		return CHECK_ERRORS;
	if (is_incomplete(report, false))
		return CHECK_NOT_JUDGED;
	if (summary->warnings > 0)
		return CHECK_WARNINGS;
	return is_incomplete(report, true) && !report->partial ? CHECK_NOT_JUDGED : CHECK_CLEAN;
}
