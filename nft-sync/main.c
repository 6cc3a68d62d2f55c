/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/log.h"
#include "nft-sync/closing.h"
#include "nft-sync/daemon.h"
#include "nft-sync/draw/image_text.h"
#include "nft-sync/read_once.h"
#include "nft-sync/sync.h"

#define EXIT_FAILED 1 /* could not start or apply; --check found something */
#define EXIT_USAGE 2

enum job { JOB_RUN, JOB_CHECK, JOB_PRINT, JOB_ONCE, JOB_CLOSE, JOB_CLEAN_UP };

struct options {
	const char *config; /* NULL: the default, which may be absent */
	enum job job;
	bool help, version;
};

static const char usage[] =
	"Usage: podsg-nft-sync [--config FILE]\n"
	"                      [--check | --print | --once | --close | --clean-up]\n"
	"Renders security groups of pods into nftables and keeps them true.\n"
	"\n"
	"  --config FILE  configuration (" CONFIG_PATH ")\n"
	"  --check        read everything, say what is wrong; exit 1 if anything is\n"
	"  --print        print the rule set it would apply, as nft reads it; needs no privileges\n"
	"  --once         apply and exit\n"
	"                 These three read the API server and EC2 as well, where they are\n"
	"                 turned on, and fail where that takes longer than 75 s.\n"
	"  --close        before pods start: close strict pods until the daemon has their rules;\n"
	"                 nothing where the table is there, or where no source names pods\n"
	"  --clean-up     remove the table of a daemon that is gone, and exit\n"
	"  --debug        log more\n"
	"  --version, --help\n"
	"\n"
	"Exit: 0 done, 1 failed or something is wrong, 2 bad command line.\n";

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
		{"print", no_argument, NULL, 'p'},        {"once", no_argument, NULL, 'o'},
		{"close", no_argument, NULL, 'l'},        {"clean-up", no_argument, NULL, 'r'},
		{"debug", no_argument, NULL, 'd'},        {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},      {NULL, 0, NULL, 0},
	};
	int option;
	memset(options, 0, sizeof(*options));
	while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case 'k':
			options->job = JOB_CHECK;
			break;
		case 'p':
			options->job = JOB_PRINT;
			break;
		case 'o':
			options->job = JOB_ONCE;
			break;
		case 'l':
			options->job = JOB_CLOSE;
			break;
		case 'r':
			options->job = JOB_CLEAN_UP;
			break;
		case 'd':
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		case 'h':
			options->help = true;
			break;
		case 'v':
			options->version = true;
			break;
		default:
			return -EINVAL;
		}
	}
	return optind == argc ? 0 : -EINVAL;
}

static void print_source(void *context, const struct source_status *status)
{
	unsigned *found = context;
	if (status->absent || (status->synced && !status->error[0]))
		return;
	printf("error: %s: %s: %s\n", status->source, status->what,
	       status->error[0] ? status->error : "not read");
	(*found)++;
}

static unsigned print_problem(const struct source_files *source)
{
	const char *problem = source_files_problem(source);
	if (problem[0])
		printf("error: %s\n", problem);
	return problem[0] ? 1 : 0;
}

static unsigned print_files(const struct source_files *source)
{
	unsigned found = 0;
	size_t count;
	const struct source_file *files = source_files_list(source, &count);
	for (size_t i = 0; i < count; i++)
		if (files[i].error[0]) {
			printf("error: %s\n", files[i].error);
			found++;
		}
	return found;
}

static unsigned print_warnings(const struct document *document)
{
	unsigned found = 0;
	while (found < document->warning_count && found < DOCUMENT_WARNINGS_MAX)
		printf("warning: %s\n", document->warnings[found++]);
	return found;
}

/* What --check finds goes to standard output, a line each. */
static unsigned print_findings(const struct sync *sync)
{
	unsigned found = sync->files ? print_problem(sync->files) + print_files(sync->files) : 0;
	/* Who has no privileges may not look into its directory. */
	found += print_files(source_journal_files(sync->journal));
	live_sources_each(sync->live, print_source, &found);
	for (size_t i = 0; i < model_document_count(sync->model); i++)
		found += print_warnings(model_document(sync->model, i));
	for (size_t i = 0; i < sync->resolution->problem_count; i++, found++)
		printf("problem: %s\n", sync->resolution->problems[i]);
	for (size_t i = 0; i < sync->problem_count; i++, found++)
		printf("problem: %s\n", sync->problems[i]);
	return found;
}

/* Reads and draws everything; the kernel is asked for nothing and told nothing. */
static int draw_only(const struct config *config, enum job job, struct error *err)
{
	struct sync sync;
	struct read_once once;
	unsigned found = 0;
	int r = sync_open(&sync, config, false, err);
	if (r < 0)
		return r;
	r = read_once(&once, &sync, err);
	if (r == 0 && job == JOB_PRINT)
		image_print(sync.drawn, config->nft_sync.table, stdout);
	if (job == JOB_CHECK && (r == 0 || r == -ETIMEDOUT)) {
		found = print_findings(&sync);
		r = 0;
	}
	read_once_close(&once);
	sync_close(&sync);
	return r < 0 ? r : (int)found;
}

/* What cannot be read whole leaves the kernel as it is. */
static int apply_once(const struct config *config, struct error *err)
{
	struct sync sync;
	struct read_once once;
	bool changed;
	int r = sync_open(&sync, config, true, err);
	if (r < 0)
		return r;
	r = sync_read_host(&sync, &changed, err);
	if (r < 0)
		goto close;
	r = read_once(&once, &sync, err);
	if (r == 0)
		r = sync_apply(&sync, err);
	if (r == 0)
		sync_tell(&sync);
	sync_keep_copies(&sync);
	read_once_close(&once);
close:
	sync_close(&sync);
	return r;
}

/* Pods are not filtered any more, and whoever reads the file of branches is not to think so. */
static int clean_up(const struct config *config, struct error *err)
{
	struct nft_report report;
	struct nft *nft = NULL;
	struct image *nothing = image_new();
	int r = nothing ? nft_open(config->nft_sync.table, false, &nft, err)
	                : error_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = nft_apply(nft, nothing, &report, err);
	if (r == 0 && unlink(config->nft_sync.branches) < 0 && errno != ENOENT)
		r = error_set(err, -errno, "%s: cannot remove: %s", config->nft_sync.branches,
		              strerror(errno));
	nft_close(nft);
	image_free(nothing);
	return r;
}

/* Below 0: failed. Above: that many things were found wrong. Takes config over. */
static int do_job(const struct options *options, struct config *config, struct error *err)
{
	int r;
	if (options->job == JOB_RUN)
		return daemon_run(options->config, config, err);
	if (options->job == JOB_ONCE)
		r = apply_once(config, err);
	else if (options->job == JOB_CLOSE)
		r = close_strict_pods(config, err);
	else if (options->job == JOB_CLEAN_UP)
		r = clean_up(config, err);
	else
		r = draw_only(config, options->job, err);
	config_free(config);
	return r;
}

int main(int argc, char **argv)
{
	struct options options;
	struct config *config = NULL;
	struct error err = {0};
	if (parse_options(argc, argv, &options) < 0) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (options.help || options.version) {
		fputs(options.help ? usage : "podsg-nft-sync " PODSG_VERSION "\n", stdout);
		return 0;
	}
	log_open();
	int r = config_find(options.config, &config, &err);
	if (r == 0)
		r = do_job(&options, config, &err);
	if (r < 0)
		log_text(LOG_LEVEL_ERROR, "failed", err.text);
	return r == 0 ? 0 : EXIT_FAILED;
}
