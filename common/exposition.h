/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_EXPOSITION_H
#define PODSG_EXPOSITION_H

/* Prometheus' text format, version 0.0.4: a family is announced, its samples follow. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define HISTOGRAM_BOUNDS_MAX 16

struct sample_label {
	const char *name;
	const char *value; /* any bytes */
};

/* help: a sentence without backslashes and line ends. */
void expose_family(FILE *out, const char *name, const char *type, const char *help);
void expose_sample(FILE *out, const char *name, const struct sample_label *labels, size_t count,
                   double value);

/* A family of one sample without labels. */
void expose_one(FILE *out, const char *name, const char *type, const char *help, double value);

/* The process itself: CPU time, memory, descriptors, under the names all exporters use. */
void expose_process(FILE *out);

/* How often what was observed was at most so much. */
struct histogram {
	double bounds[HISTOGRAM_BOUNDS_MAX]; /* ascending */
	size_t bound_count;
	uint64_t counts[HISTOGRAM_BOUNDS_MAX +
	                1]; /* each above the bound before; the last: all above */
	double sum;
};

/* The samples of one set of labels (at most EXPOSITION_LABELS_MAX) of a histogram family. counts
 * has one more than bounds: each above the bound before, the last above all. */
#define EXPOSITION_LABELS_MAX 8
void expose_buckets(FILE *out, const char *name, const struct sample_label *labels,
                    size_t label_count, const double *bounds, size_t bound_count,
                    const uint64_t *counts, double sum);

void histogram_observe(struct histogram *histogram, double value);
void expose_histogram(FILE *out, const char *name, const char *help,
                      const struct histogram *histogram);

#endif
