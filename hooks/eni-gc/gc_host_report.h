/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_HOST_REPORT_H
#define PODSG_GC_HOST_REPORT_H

/* What is said of a clean-up: subjects, and below each what became of its things. Text for people,
 * or a JSON object a line. Whatever comes from outside is made printable. */

#include "common/clean_up.h"
#include "common/error.h"
#include "hooks/eni-gc/gc_host_leftovers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define GC_SUBJECT_SIZE 640

struct gc_report {
	FILE *out;
	bool json;
	bool dry_run;
	bool quiet;  /* subjects that live, and things that are kept, are left out */
	bool colour; /* text only */
	char subject[GC_SUBJECT_SIZE];
	size_t removed; /* things; in a dry run: that would be */
	size_t kept;
	size_t failed;
};

/* The subjects. Things that are said afterwards are theirs. */
void gc_report_attachment(struct gc_report *report, const struct attachment *attachment,
                          const struct gc_judgement *judgement);
void gc_report_leftover(struct gc_report *report, const struct gc_leftover *leftover);

/* struct clean_up_options has it as say(). */
void gc_report_thing(void *report, enum clean_up_outcome outcome, const char *thing,
                     const char *why);

/* What hindered, or could not be asked. */
void gc_report_failure(struct gc_report *report, const struct error *err);
void gc_report_note(struct gc_report *report, const char *text);

void gc_report_end(const struct gc_report *report);

#endif
