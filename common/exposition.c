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

void expose_histogram(FILE *out, const char *name, const char *help,
                      const struct histogram *histogram)
{
	uint64_t count = 0;
	expose_family(out, name, "histogram", help);
	for (size_t i = 0; i < histogram->bound_count; i++) {
		count += histogram->counts[i];
		fprintf(out, "%s_bucket{le=\"%g\"} %llu\n", name, histogram->bounds[i],
		        (unsigned long long)count);
	}
	count += histogram->counts[histogram->bound_count];
	fprintf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.15g\n%s_count %llu\n", name,
	        (unsigned long long)count, name, histogram->sum, name, (unsigned long long)count);
}
