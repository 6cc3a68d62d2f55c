/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/exposition.h"

void expose_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The format is UTF-8, and one byte that is not makes a scraper refuse the whole page. */
static void put_value(FILE *out, const char *value)
{
	for (const char *c = value; *c; c++) {
		unsigned char byte = (unsigned char)*c;
		if (byte == '\n')
			fputs("\\n", out);
		else if (byte == '"' || byte == '\\')
			fprintf(out, "\\%c", byte);
		else if (byte < ' ' || byte >= 0x7f)
			fprintf(out, "\\\\x%02x", byte);
		else
			fputc(byte, out);
	}
}

void expose_sample(FILE *out, const char *name, const struct sample_label *labels, size_t count,
                   double value)
{
	fputs(name, out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "%s%s=\"", i == 0 ? "{" : ",", labels[i].name);
		put_value(out, labels[i].value);
		fputc('"', out);
	}
	/* Whole numbers stay whole up to 10^15. */
	fprintf(out, "%s %.15g\n", count > 0 ? "}" : "", value);
}

void expose_one(FILE *out, const char *name, const char *type, const char *help, double value)
{
	expose_family(out, name, type, help);
	expose_sample(out, name, NULL, 0, value);
}

void histogram_observe(struct histogram *histogram, double value)
{
	size_t i = 0;
	while (i < histogram->bound_count && value > histogram->bounds[i])
		i++;
	histogram->counts[i]++;
	histogram->sum += value;
}

static void expose_part(FILE *out, const char *name, const char *part,
                        const struct sample_label *labels, size_t count, double value)
{
	char whole[128];
	snprintf(whole, sizeof(whole), "%s_%s", name, part);
	expose_sample(out, whole, labels, count, value);
}

void expose_buckets(FILE *out, const char *name, const struct sample_label *labels,
                    size_t label_count, const double *bounds, size_t bound_count,
                    const uint64_t *counts, double sum)
{
	struct sample_label all[EXPOSITION_LABELS_MAX + 1];
	char bound[32] = "+Inf";
	uint64_t count = 0;
	for (size_t i = 0; i < label_count; i++)
		all[i] = labels[i];
	all[label_count] = (struct sample_label){"le", bound};
	for (size_t i = 0; i <= bound_count; i++) {
		if (i < bound_count)
			snprintf(bound, sizeof(bound), "%g", bounds[i]);
		else
			snprintf(bound, sizeof(bound), "+Inf");
		count += counts[i];
		expose_part(out, name, "bucket", all, label_count + 1, (double)count);
	}
	expose_part(out, name, "sum", labels, label_count, sum);
	expose_part(out, name, "count", labels, label_count, (double)count);
}

void expose_histogram(FILE *out, const char *name, const char *help,
                      const struct histogram *histogram)
{
	expose_family(out, name, "histogram", help);
	expose_buckets(out, name, NULL, 0, histogram->bounds, histogram->bound_count,
	               histogram->counts, histogram->sum);
}
