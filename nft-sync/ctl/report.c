/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/ctl/report.h"
#include "nft-sync/ctl/report_parts.h"

#define PAGE_MAX (256U << 20) /* bytes */

static int write_out(const char *text, size_t length, struct error *err)
{
	if (fwrite(text, 1, length, stdout) == length && fflush(stdout) == 0)
		return 0;
	return error_set(err, -errno, "standard output: %s", strerror(errno));
}

static int write_json(const cJSON *report, struct error *err)
{
	char *text = cJSON_PrintUnformatted(report);
	int r = text ? write_out(text, strlen(text), err) : error_set(err, -ENOMEM, "no memory");
	cJSON_free(text);
	if (r == 0)
		putchar('\n');
	return r;
}

static int write_page(const cJSON *report, const struct report_texts *texts, struct error *err)
{
	struct buffer page = {.max = PAGE_MAX};
	report_page(report, texts, &page);
	int r = page.failed ? error_set(err, -ENOMEM, "no memory for the page")
	                    : write_out(page.text, page.length, err);
	buffer_done(&page);
	return r;
}

static int run_json(const struct report_options *options, struct error *err)
{
	cJSON *report = NULL;
	int r = report_gather(options, NULL, &report, err);
	if (r == 0)
		r = write_json(report, err);
	cJSON_Delete(report);
	return r;
}

static int run_page(const struct report_options *options, struct error *err)
{
	cJSON *report = NULL;
	struct report_texts *texts = report_texts_new();
	if (!texts)
		return error_set(err, -ENOMEM, "no memory for the page");
	int r = report_gather(options, texts, &report, err);
	if (r == 0)
		r = write_page(report, texts, err);
	cJSON_Delete(report);
	report_texts_free(texts);
	return r;
}

int report_run(const struct report_options *options, struct error *err)
{
	return options->json ? run_json(options, err) : run_page(options, err);
}
