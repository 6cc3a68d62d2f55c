/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "hooks/eni-gc/gc_enis.h"
#include "hooks/eni-gc/gc_host.h"

#define EXIT_USAGE 2

static const char usage[] =
	"Usage: podsg-eni-gc host [OPTIONS]\n"
	"       podsg-eni-gc enis [OPTIONS]\n"
	"Removes what pods with security groups left behind.\n"
	"\n"
	"  host  on this node: devices, ip rules, routes, flows and journal entries of pods that\n"
	"        are gone\n"
	"  enis  in EC2: branch network interfaces that nobody uses any more\n"
	"\n"
	"  --version, --help\n"
	"\n"
	"podsg-eni-gc host --help and podsg-eni-gc enis --help say more.\n";

static const struct {
	const char *name;
	int (*main)(int argc, char **argv); /* its name is argv[0] */
} commands[] = {{"host", gc_host_main}, {"enis", gc_enis_main}};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].main(argc - 1, argv + 1);
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("podsg-eni-gc " PODSG_VERSION);
		return 0;
	}
	fputs(usage, stderr);
	return EXIT_USAGE;
}
