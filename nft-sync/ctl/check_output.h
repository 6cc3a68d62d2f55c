/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CHECK_OUTPUT_H
#define PODSG_CHECK_OUTPUT_H

/* What came of the checks, for people, programs and pipelines. Each prints to standard output. */

#include "nft-sync/check/check_summary.h"

void check_print_text(const struct check_report *report);
void check_print_json(const struct check_report *report);
void check_print_junit(const struct check_report *report);

/* All checks there are: what each looks for, why, who says so. */
void check_list_text(void);
void check_list_json(void);

#endif
