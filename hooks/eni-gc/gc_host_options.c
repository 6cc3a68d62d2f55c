/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/config.h"
#include "hooks/eni-gc/gc_host_options.h"

const char gc_host_usage[] =
	"Usage: podsg-eni-gc host [--dry-run] [--boot] [OPTION]...\n"
	"Removes what pods that are gone left on this node: branch devices, ip rules, routes,\n"
	"conntrack entries and entries of podsg's journal. Says why it keeps what it keeps.\n"
	"\n"
	"  --dry-run        only say what would be done\n"
	"  --boot           only what is of an earlier boot; asks nobody and waits for nothing\n"
	"  --settle SECONDS what no pod is known to have must be seen twice, so far apart (5)\n"
	"  --cri SOCKET     the container runtime's, as unix:///run/containerd/containerd.sock;\n"
	"                   may be given again (the usual ones that are there)\n"
	"  --journal DIR    podsg-cni's journal (the configuration's)\n"
	"  --config FILE    configuration (" CONFIG_PATH ")\n"
	"  -o json          a JSON object a line, instead of text\n"
	"  --quiet          leave out what lives and what is kept\n"
	"  --help           this text\n"
	"\n"
	"Exit: 0 done, or nothing to do; 1 something failed, everything else is done; 2 bad\n"
	"command line or configuration; 3 journal or kernel could not be read, nothing is done.\n";

/* "unix:///path", as the CRI's tools have it, or a path. */
static int add_runtime(struct gc_host_options *options, const char *text, struct error *err)
{
	static const char scheme[] = "unix://";
	struct sockaddr_un address;
	const char *path = text;
	if (strncmp(text, scheme, strlen(scheme)) == 0)
		path += strlen(scheme);
	if (path[0] != '/')
		return error_set(err, -EINVAL, "--cri %s: expected unix:///PATH", text);
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, -EINVAL, "--cri %s: longer than a socket's path may be",
		                 text);
	if (options->runtime_count == GC_RUNTIMES_MAX)
		return error_set(err, -EINVAL, "--cri: at most %d", GC_RUNTIMES_MAX);
	options->runtimes[options->runtime_count++] = path;
	return 0;
}

static int set_settle(struct gc_host_options *options, const char *text, struct error *err)
{
	char *end;
	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end || text[0] == '-' || number < 1 ||
	    number > GC_SETTLE_MAX)
		return error_set(err, -EINVAL, "--settle %s: expected seconds, 1 to %d", text,
		                 GC_SETTLE_MAX);
	options->settle = (unsigned)number;
	return 0;
}

static int set_output(struct gc_host_options *options, const char *text, struct error *err)
{
	options->json = strcmp(text, "json") == 0;
	if (!options->json && strcmp(text, "text") != 0)
		return error_set(err, -EINVAL, "-o %s: expected json or text", text);
	return 0;
}

static int take_option(struct gc_host_options *options, int option, struct error *err)
{
	switch (option) {
	case 'b':
		options->boot = true;
		return 0;
	case 'c':
		options->config = optarg;
		return 0;
	case 'd':
		options->dry_run = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case 'j':
		options->journal = optarg;
		return 0;
	case 'o':
		return set_output(options, optarg, err);
	case 'q':
		options->quiet = true;
		return 0;
	case 'r':
		return add_runtime(options, optarg, err);
	case 's':
		return set_settle(options, optarg, err);
	default:
		return -EINVAL;
	}
}

int gc_host_options_parse(int argc, char **argv, struct gc_host_options *ret, struct error *err)
{
	static const struct option longs[] = {
		{"boot", no_argument, NULL, 'b'},         {"config", required_argument, NULL, 'c'},
		{"cri", required_argument, NULL, 'r'},    {"dry-run", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},         {"journal", required_argument, NULL, 'j'},
		{"output", required_argument, NULL, 'o'}, {"quiet", no_argument, NULL, 'q'},
		{"settle", required_argument, NULL, 's'}, {NULL, 0, NULL, 0},
	};
	int option;
	int r = 0;
	*ret = (struct gc_host_options){.settle = GC_SETTLE};
	/* The command before this one may have read its own options. */
	optind = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "c:ho:", longs, NULL)) != -1)
		r = take_option(ret, option, err);
	if (r == 0 && optind < argc)
		return error_set(err, -EINVAL, "%s: unexpected", argv[optind]);
	return r;
}
