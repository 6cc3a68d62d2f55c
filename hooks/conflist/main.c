/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "hooks/conflist/round.h"
#include "hooks/conflist/watch.h"

#define DIRECTORY "/etc/cni/net.d"
#define BINARY "/opt/cni/bin/podsg-cni"
#define MOVES "/run/podsg/conflist-moves"

enum job { JOB_RUN, JOB_HELP, JOB_VERSION };

struct command {
	enum job job;
	struct conflist_options options;
	struct conflist_watch_options watch;
	bool watches;
};

static const char usage[] =
	"Usage: podsg-conflist [--remove | --check] [--watch | --settle SECONDS] [OPTION]...\n"
	"Keeps podsg-cni at the end of the chain of CNI plugins that the container runtimes use.\n"
	"\n"
	"  --remove                  take podsg-cni out of all chains\n"
	"  --check                   change nothing, say what would be changed\n"
	"  --watch                   stay, and do it again whenever a file changes\n"
	"  --settle SECONDS          stay until nothing has changed for so long\n"
	"  --config-directory DIR    network configurations (" DIRECTORY ")\n"
	"  --binary FILE             the plugin; a chain never names it while this is missing\n"
	"                            (" BINARY ")\n"
	"  --network NAME            the network of that name (default: the first valid file)\n"
	"  --moves FILE              remembers how often podsg-cni was moved to the end\n"
	"                            (" MOVES ")\n"
	"  -o json                   results on standard output, an object a line\n"
	"  --help, --version\n"
	"\n"
	"Exit: 0 done or nothing to do, 1 failed, 2 bad command line, 3 a file was left alone "
	"that\n"
	"somebody has to look at, 4 the plugin is missing and in no chain, 5 --check: not in "
	"place.\n";

static int read_seconds(const char *text, unsigned *ret)
{
	char *end;
	errno = 0;
	unsigned long seconds = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || seconds < 1 ||
	    seconds > CONFLIST_SETTLE_MAX)
		return -EINVAL;
	*ret = (unsigned)seconds;
	return 0;
}

static int take_option(struct command *command, int option, const char *value)
{
	switch (option) {
	case 'r':
		command->options.remove = true;
		return 0;
	case 'k':
		command->options.check = true;
		return 0;
	case 'w':
		command->watches = true;
		return 0;
	case 's':
		command->watches = true;
		return read_seconds(value, &command->watch.settle);
	case 'd':
		command->options.directory = value;
		return 0;
	case 'b':
		command->options.binary = value;
		return 0;
	case 'n':
		command->options.network = value;
		return 0;
	case 'm':
		command->options.moves = value;
		return 0;
	case 'o':
		command->watch.json = true;
		return strcmp(value, "json") == 0 ? 0 : -EINVAL;
	case 'h':
		command->job = JOB_HELP;
		return 0;
	case 'v':
		command->job = JOB_VERSION;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_options(int argc, char **argv, struct command *command)
{
	static const struct option longs[] = {
		{"remove", no_argument, NULL, 'r'},
		{"check", no_argument, NULL, 'k'},
		{"watch", no_argument, NULL, 'w'},
		{"settle", required_argument, NULL, 's'},
		{"config-directory", required_argument, NULL, 'd'},
		{"binary", required_argument, NULL, 'b'},
		{"network", required_argument, NULL, 'n'},
		{"moves", required_argument, NULL, 'm'},
		{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int option;
	*command = (struct command){
		.options = {
			.directory = DIRECTORY, .binary = BINARY, .network = "", .moves = MOVES}};
	while ((option = getopt_long(argc, argv, "o:h", longs, NULL)) != -1) {
		int r = take_option(command, option, optarg);
		if (r < 0)
			return r;
	}
	return optind == argc ? 0 : -EINVAL;
}

static enum conflist_exit look_once(const struct command *command)
{
	const struct conflist_options *options = &command->options;
	struct conflist_report report;
	conflist_report_open(&report);
	conflist_round(options, &report);
	conflist_report_log(&report, options->directory, options->check);
	if (command->watch.json)
		conflist_report_print(&report, options->directory, options->check, stdout);
	enum conflist_exit status = conflist_report_exit(&report, options->check);
	conflist_report_done(&report);
	return status;
}

int main(int argc, char **argv)
{
	struct command command;
	log_open();
	if (parse_options(argc, argv, &command) < 0) {
		(void)fputs(usage, stderr);
		return CONFLIST_EXIT_USAGE;
	}
	switch (command.job) {
	case JOB_HELP:
		(void)fputs(usage, stdout);
		return 0;
	case JOB_VERSION:
		(void)puts("podsg-conflist " PODSG_VERSION);
		return 0;
	case JOB_RUN:
		break;
	}
	if (command.watches)
		return (int)conflist_watch(&command.options, &command.watch);
	return (int)look_once(&command);
}
