/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/config.h"
#include "common/log.h"
#include "hooks/oci-hook/sandbox.h"
#include "hooks/oci-hook/state.h"

#define EXIT_USAGE 2
#define TIME_LIMIT 8 /* seconds; less than the runtime gives a hook, by podsg-oci-hook.json */
#define READ_SIZE 16384

struct options {
	const char *config; /* NULL: the default, which may be absent */
	bool help;
	bool version;
};

static const char usage[] =
	"Usage: podsg-oci-hook [--config FILE] <STATE\n"
	"OCI poststop hook: removes what a pod's sandbox has left in the kernel, if it is gone.\n"
	"STATE is the container's state as the runtime gives it to hooks.\n"
	"\n"
	"  --config FILE  configuration (" CONFIG_PATH ")\n"
	"  --help, --version\n"
	"\n"
	"Exit: 0 always, because no runtime would try again; 2 bad command line.\n";

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int option;
	*options = (struct options){0};
	while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
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

/* Whatever holds us up is finished by CNI DEL, nft-sync or podsg-eni-gc. */
static void give_up(int signal)
{
	static const char line[] = "level=error event=failed text=\"gave up after 8 s\"\n";
	(void)signal;
	ssize_t written = write(STDERR_FILENO, line, sizeof(line) - 1);
	(void)written;
	_exit(0);
}

static void limit_time(void)
{
	const struct sigaction action = {.sa_handler = give_up};
	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm(TIME_LIMIT);
}

static int read_input(struct buffer *ret, struct error *err)
{
	char chunk[READ_SIZE];
	for (;;) {
		ssize_t size = read(STDIN_FILENO, chunk, sizeof(chunk));
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return error_set(err, -errno, "standard input: %s", strerror(errno));
		if (size == 0)
			return 0;
		buffer_add(ret, chunk, (size_t)size);
		if (ret->failed)
			return error_set(err, -EFBIG, "state: at most %u bytes are accepted",
			                 OCI_STATE_MAX);
	}
}

static int read_sandbox(char ret[static JOURNAL_SANDBOX_MAX + 1], struct error *err)
{
	struct buffer text = {.max = OCI_STATE_MAX};
	int r = read_input(&text, err);
	if (r == 0)
		r = oci_state_parse(text.text ? text.text : "", text.length, ret, err);
	buffer_done(&text);
	return r;
}

static void say(const char *event, const char *thing, const char *why)
{
	char quoted[512];
	char reason[512];
	log_event(LOG_LEVEL_INFO, event, "thing=%s why=%s",
	          log_quote(thing, quoted, sizeof(quoted)), log_quote(why, reason, sizeof(reason)));
}

static int run(const char *config_path, struct error *err)
{
	char sandbox[JOURNAL_SANDBOX_MAX + 1] = "";
	struct config *config = NULL;
	int r = read_sandbox(sandbox, err);
	if (r == 0)
		r = config_find(config_path, &config, err);
	if (r == 0)
		r = oci_sandbox_clean_up(config->hooks.journal, sandbox, say, err);
	config_free(config);
	return r;
}

int main(int argc, char **argv)
{
	struct options options;
	struct error err = {0};
	log_open();
	if (parse_options(argc, argv, &options) < 0) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (options.help || options.version) {
		(void)fputs(options.help ? usage : "podsg-oci-hook " PODSG_VERSION "\n", stdout);
		return 0;
	}
	limit_time();
	int r = run(options.config, &err);
	if (r < 0)
		log_text(LOG_LEVEL_ERROR, "failed", err.code ? err.text : strerror(-r));
	return 0;
}
