/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_METRICS_PARTS_H
#define PODSG_DNS_METRICS_PARTS_H

/* Chapters of the page. */

#include "common/exposition.h"
#include "dnscache/tell/metrics.h"

extern const double metrics_durations[COUNT_DURATIONS - 1]; /* seconds */

void metrics_zones(FILE *out, const struct metrics_view *view);     /* metrics_zones.c */
void metrics_upstreams(FILE *out, const struct metrics_view *view); /* metrics_upstreams.c */
void metrics_own(FILE *out, const struct metrics_view *view);       /* metrics_own.c */
void metrics_legacy(FILE *out, const struct metrics_view *view);    /* metrics_legacy.c */

#endif
