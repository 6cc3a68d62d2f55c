/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include <ares.h>

#include "common/log.h"
#include "common/siphash.h"
#include "dnscache/daemon.h"
#include "dnscache/tell/streams.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2

static int report(const char *event, int r, const struct error *err)
{
	if (r >= 0)
		return 0;
	log_text(LOG_LEVEL_ERROR, event, err->code ? err->text : strerror(-r));
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct dnscache_options options;
	struct error failure = {0};
	log_open();
	if (dnscache_options_parse(argc, argv, &options, &failure) < 0) {
		fprintf(stderr, "podsg-dnscache: %s\n\n%s", failure.text, dnscache_usage);
		return EXIT_USAGE;
	}
	if (options.debug)
		log_set_level(LOG_LEVEL_DEBUG);
	else if (options.quiet)
		log_set_level(LOG_LEVEL_WARNING);
	switch (options.job) {
	case DNSCACHE_HELP:
		printf("%s", dnscache_usage);
		return 0;
	case DNSCACHE_VERSION:
		printf("podsg-dnscache %s\n", PODSG_VERSION);
		return 0;
	case DNSCACHE_PLUGINS:
		printf("%s", corefile_plugins);
		return 0;
	case DNSCACHE_CHECK:
		return dnscache_check(&options);
	case DNSCACHE_CLEAN_UP:
		return report("not-cleaned-up", dnscache_clean_up(&options, &failure), &failure);
	case DNSCACHE_RUN:
		break;
	}
	streams_open();
	(void)siphash_process_key(); /* made before there are threads */
	/* The channels' tables (c-ares: 75 KB each) go back to the system with them. */
	(void)mallopt(M_MMAP_THRESHOLD, 64 << 10);
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return EXIT_FAILED;
	return report("failed", dnscache_run(&options, &failure), &failure);
}
