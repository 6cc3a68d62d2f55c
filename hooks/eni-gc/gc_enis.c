/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "common/config.h"
#include "hooks/eni-gc/gc_blocking.h"
#include "hooks/eni-gc/gc_eni_sweep.h"
#include "hooks/eni-gc/gc_enis.h"

/* What the command line leaves open the configuration may say, whether or not its source is on. */
static int open_ec2(const struct gc_eni_options *options, const struct config *config,
                    struct gc_ec2 **ret, struct error *err)
{
	return gc_ec2_open(options->region ? options->region : config->ec2.region,
	                   options->endpoint ? options->endpoint : config->ec2.endpoint, ret, err);
}

static int run(const struct gc_eni_options *options, struct error *err)
{
	struct config *config = NULL;
	struct gc_ec2 *ec2 = NULL;
	struct gc_eni_report report;
	int status = GC_EXIT_USAGE;
	if (config_find(options->config, &config, err) < 0)
		return status;
	if (open_ec2(options, config, &ec2, err) < 0)
		goto done;
	gc_eni_report_open(&report, options->json);
	if (options->job == GC_JOB_BLOCKING)
		status = gc_blocking(ec2, options, &report);
	else
		status = gc_sweep(ec2, options, &report);
done:
	gc_ec2_close(ec2);
	config_free(config);
	return status;
}

int gc_enis_main(int argc, char **argv)
{
	struct gc_eni_options options;
	struct error err = {0};
	int status = GC_EXIT_USAGE;
	if (gc_eni_options_parse(argc, argv, &options, &err) == 0) {
		if (options.help) {
			fputs(gc_eni_usage, stdout);
			return GC_EXIT_DONE;
		}
		status = run(&options, &err);
	} else {
		fputs(gc_eni_usage, stderr);
	}
	if (err.code)
		fprintf(stderr, "podsg-eni-gc: %s\n", err.text);
	return status;
}
