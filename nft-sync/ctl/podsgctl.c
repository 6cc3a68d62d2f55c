/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/control.h"
#include "nft-sync/ctl/check_command.h"
#include "nft-sync/ctl/ctl.h"
#include "nft-sync/ctl/ctl_monitor.h"
#include "nft-sync/ctl/kubeconfig.h"
#include "nft-sync/ctl/report.h"

#define PATIENCE 15 /* seconds */

#define EXIT_DROPPED 1 /* explain: the packet would be dropped; status: not in force */
#define EXIT_USAGE 2
#define EXIT_UNREACHABLE 3 /* the daemon does not answer, or could not */

/* As they are written, NULL where they are not; of other types behind settle_options(). */
struct options {
	const char *config;
	const char *socket;
	const char *output;
	const char *in;
	const char *original_port_text, *count_text, *seconds_text;
	const char *pod, *interface, *direction, *reason;
	const char *findings;
	const char *server, *token_file, *ca_file;
	long original_port;  /* 0: none */
	unsigned long count; /* 0: no end */
	unsigned long seconds;
	bool json;
	bool help, version;
};

static const char usage[] =
	"Usage: podsgctl [OPTIONS] status | pods | groups\n"
	"       podsgctl [OPTIONS] explain SOURCE DESTINATION [PROTOCOL/PORT]\n"
	"       podsgctl [OPTIONS] monitor | report\n"
	"       podsgctl kubeconfig --server URL --token-file FILE --ca-file FILE [--output FILE]\n"
	"       podsgctl check [OPTIONS] [DOCUMENTS]    see podsgctl check --help\n"
	"Asks podsg-nft-sync on this node.\n"
	"\n"
	"  status   sources and their ages, interfaces by state, last commit, repairs, errors\n"
	"  pods     the pods with security groups: interface, mode, groups, dropped packets\n"
	"  groups   the groups in use: rules, members, who uses them\n"
	"  explain  says whether a packet would pass, and which rule or what decides\n"
	"           SOURCE, DESTINATION: an address, or namespace/name of a pod of this node\n"
	"           PROTOCOL/PORT: tcp/443, udp/53, icmp/8/0, 47; a ping where left out\n"
	"  monitor  shows dropped packets as they come, until interrupted\n"
	"  report   all of it and who may talk to whom, as one HTML page on standard output\n"
	"  check    says before pods hang or lose packets why they would; asks no daemon\n"
	"  kubeconfig  writes how the daemon reaches the API server; asks nobody\n"
	"\n"
	"  -o json               the daemon's answer as it is; monitor: one object a line;\n"
	"                        report: the data of the page\n"
	"  --in INTERFACE        explain: where the packet comes in\n"
	"  --original-port PORT  explain: the port before destination NAT (a node port)\n"
	"  --pod NAMESPACE/NAME  monitor: packets that this pod's groups or path dropped\n"
	"  --interface NAME      monitor: those of this pod interface of the node\n"
	"  --direction DIR       monitor: ingress or egress, as the pod sees it\n"
	"  --reason REASON       monitor: rules, node-groups, source, path, closed, claimed\n"
	"  --count N             monitor: end after so many packets\n"
	"  --seconds N           report: watch dropped packets for so long (5); 0: count them\n"
	"  --findings FILE       report: show what podsgctl check -o json has written there\n"
	"  --server URL          kubeconfig: the API server, https://HOST:PORT\n"
	"  --token-file FILE     kubeconfig: where the service account's token is, and is renewed\n"
	"  --ca-file FILE        kubeconfig: the authority of the server's certificate\n"
	"  --output FILE         kubeconfig: where to write it, instead of to standard output\n"
	"  --socket PATH         the daemon's socket, instead of the configuration's\n"
	"  --config FILE         configuration (" CONFIG_PATH ")\n"
	"  --version, --help     the version; this text\n"
	"\n"
	"Exit: 0 all well (explain: allowed), 1 not (explain: dropped), 2 bad command line,\n"
	"      3 no answer.\n";

/* 1 to 65535; below 0: it is none. */
static long parse_port(const char *text)
{
	char *end;
	errno = 0;
	long port = strtol(text, &end, 10);
	return *end || errno || port < 1 || port > 65535 ? -EINVAL : port;
}

/* 1 or more; 0: it is none. */
static unsigned long parse_count(const char *text)
{
	char *end;
	errno = 0;
	unsigned long count = strtoul(text, &end, 10);
	return *end || errno || text[0] == '-' ? 0 : count;
}

/* 0 to the most; below 0: it is none. */
static long parse_seconds(const char *text)
{
	char *end;
	errno = 0;
	long seconds = strtol(text, &end, 10);
	return !text[0] || *end || errno || seconds < 0 || seconds > REPORT_SECONDS_MAX ? -EINVAL
	                                                                                : seconds;
}

static int settle_options(struct options *options)
{
	long seconds =
		options->seconds_text ? parse_seconds(options->seconds_text) : REPORT_SECONDS;
	if (seconds < 0)
		return -EINVAL;
	options->seconds = (unsigned long)seconds;
	if (options->original_port_text) {
		options->original_port = parse_port(options->original_port_text);
		if (options->original_port < 0)
			return -EINVAL;
	}
	if (options->count_text) {
		options->count = parse_count(options->count_text);
		if (options->count == 0)
			return -EINVAL;
	}
	options->json = options->output && strcmp(options->output, "json") == 0;
	return 0;
}

/* getopt_long() returns where the option's text goes. */
#define TEXTS 256
#define TEXT_OPTION(name, member)                                                                  \
	{                                                                                          \
		name, required_argument, NULL, TEXTS + offsetof(struct options, member)            \
	}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		TEXT_OPTION("config", config),
		TEXT_OPTION("socket", socket),
		TEXT_OPTION("output", output),
		TEXT_OPTION("in", in),
		TEXT_OPTION("original-port", original_port_text),
		TEXT_OPTION("pod", pod),
		TEXT_OPTION("interface", interface),
		TEXT_OPTION("direction", direction),
		TEXT_OPTION("reason", reason),
		TEXT_OPTION("count", count_text),
		TEXT_OPTION("seconds", seconds_text),
		TEXT_OPTION("findings", findings),
		TEXT_OPTION("server", server),
		TEXT_OPTION("token-file", token_file),
		TEXT_OPTION("ca-file", ca_file),
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int option;
	memset(options, 0, sizeof(*options));
	while ((option = getopt_long(argc, argv, "c:s:o:h", longs, NULL)) != -1) {
		if (option == 'c')
			options->config = optarg;
		else if (option == 's')
			options->socket = optarg;
		else if (option == 'o')
			options->output = optarg;
		else if (option == 'h')
			options->help = true;
		else if (option == 'v')
			options->version = true;
		else if (option >= TEXTS)
			memcpy((char *)options + (option - TEXTS), &optarg, sizeof(optarg));
		else
			return -EINVAL;
	}
	return settle_options(options);
}

static void add_optional(cJSON *request, const char *key, const char *value)
{
	if (value)
		cJSON_AddStringToObject(request, key, value);
}

static cJSON *make_request(const struct options *options, int count, char **words)
{
	static const char *const keys[] = {"command", "source", "destination", "what"};
	cJSON *request = cJSON_CreateObject();
	for (int i = 0; i < count; i++)
		cJSON_AddStringToObject(request, keys[i], words[i]);
	add_optional(request, "in", options->in);
	add_optional(request, "pod", options->pod);
	add_optional(request, "interface", options->interface);
	add_optional(request, "direction", options->direction);
	add_optional(request, "reason", options->reason);
	if (options->original_port)
		cJSON_AddNumberToObject(request, "originalPort", (double)options->original_port);
	return request;
}

static void print_json(const cJSON *answer)
{
	char *text = cJSON_Print(answer);
	if (text)
		puts(text);
	cJSON_free(text);
}

struct command {
	const char *name;
	int least, most;                   /* arguments */
	void (*show)(const cJSON *answer); /* NULL: there is more to it than one answer */
	int (*run)(const struct options *options, const char *path, const cJSON *request);
};

static int exit_status(const struct command *command, const cJSON *answer)
{
	if (command->show == show_explain)
		return is_true(answer, "permitted") ? 0 : EXIT_DROPPED;
	if (command->show == show_status)
		return is_true(cJSON_GetObjectItemCaseSensitive(answer, "kernel"), "inForce")
		               ? 0
		               : EXIT_DROPPED;
	return 0;
}

static int ask(const struct options *options, const struct command *command, const char *path,
               const cJSON *request)
{
	struct error err = {0};
	cJSON *answer = NULL;
	int status = EXIT_UNREACHABLE;
	if (control_ask(path, request, PATIENCE, &answer, &err) < 0) {
		fprintf(stderr, "podsgctl: %s\n", err.text);
	} else if (!is_true(answer, "ok")) {
		fprintf(stderr, "podsgctl: %s\n", text_of(answer, "error"));
		status = EXIT_USAGE;
	} else {
		if (options->json)
			print_json(answer);
		else
			command->show(answer);
		status = exit_status(command, answer);
	}
	cJSON_Delete(answer);
	return status;
}

static int monitor(const struct options *options, const char *path, const cJSON *request)
{
	const struct monitor_options wanted = {
		.path = path, .request = request, .count = options->count, .json = options->json};
	int r = monitor_run(&wanted);
	if (r < 0)
		return r == -EINVAL ? EXIT_USAGE : EXIT_UNREACHABLE;
	return 0;
}

static int report(const struct options *options, const char *path, const cJSON *request)
{
	struct error err = {0};
	const struct report_options wanted = {.path = path,
	                                      .findings = options->findings,
	                                      .seconds = (unsigned)options->seconds,
	                                      .json = options->json};
	(void)request;
	if (report_run(&wanted, &err) == 0)
		return 0;
	fprintf(stderr, "podsgctl: %s\n", err.text);
	return EXIT_UNREACHABLE;
}

/* Needs neither the daemon nor its configuration: it comes before both. */
static int write_kubeconfig(const struct options *options)
{
	struct error err = {0};
	const struct kubeconfig_options wanted = {.server = options->server,
	                                          .token_file = options->token_file,
	                                          .ca_file = options->ca_file,
	                                          .output = options->output};
	int r;
	if (!wanted.server || !wanted.token_file || !wanted.ca_file) {
		fputs("podsgctl: kubeconfig needs --server, --token-file and --ca-file\n", stderr);
		return EXIT_USAGE;
	}
	r = kubeconfig_run(&wanted, &err);
	if (r == 0)
		return 0;
	fprintf(stderr, "podsgctl: %s\n", err.text);
	return r == -EINVAL ? EXIT_USAGE : EXIT_UNREACHABLE;
}

static const struct command commands[] = {
	{"status", 0, 0, show_status, NULL}, {"pods", 0, 0, show_pods, NULL},
	{"groups", 0, 0, show_groups, NULL}, {"explain", 2, 3, show_explain, NULL},
	{"monitor", 0, 0, NULL, monitor},    {"report", 0, 0, NULL, report},
	{"kubeconfig", 0, 0, NULL, NULL},
};

static const struct command *find_command(int count, char **words)
{
	for (size_t i = 0; count > 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(words[0], commands[i].name) == 0 && count - 1 >= commands[i].least &&
		    count - 1 <= commands[i].most)
			return &commands[i];
	return NULL;
}

/* The daemon listens where we are told, where it is configured, or by default: it may have refused
 * the configuration that is broken now, and is the one to ask about that. */
static int run(const struct options *options, const struct command *command, int count,
               char **words)
{
	struct error err = {0};
	struct config *config = NULL;
	int status = EXIT_UNREACHABLE;
	if (!options->socket && config_find(options->config, &config, &err) < 0) {
		fprintf(stderr, "podsgctl: %s\n", err.text);
		if (config_load(NULL, &config, NULL) < 0)
			return status;
		fprintf(stderr, "podsgctl: asking at %s\n", config->nft_sync.socket);
	}
	const char *path = options->socket ? options->socket : config->nft_sync.socket;
	cJSON *request = make_request(options, count, words);
	if (command->show)
		status = ask(options, command, path, request);
	else
		status = command->run(options, path, request);
	cJSON_Delete(request);
	config_free(config);
	return status;
}

/* Where the word stands among options like ours; 0: it is not the command. check has options of its
 * own, which getopt_long() must not see here. */
static int find_check(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "check") == 0)
			return i;
		if (argv[i][0] != '-')
			return 0;
		if (strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "-c") == 0 ||
		    strcmp(argv[i], "--output") == 0 || strcmp(argv[i], "--config") == 0)
			i++;
	}
	return 0;
}

static int run_check(int argc, char **argv, int at)
{
	memmove(argv + 1, argv, (size_t)at * sizeof(*argv));
	return check_command(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	struct options options;
	int check = find_check(argc, argv);
	if (check)
		return run_check(argc, argv, check);
	int parsed = parse_options(argc, argv, &options);
	if (parsed == 0 && (options.help || options.version)) {
		fputs(options.help ? usage : "podsgctl " PODSG_VERSION "\n", stdout);
		return 0;
	}
	const struct command *command = find_command(argc - optind, argv + optind);
	bool local = command && !command->show && !command->run;
	if (parsed < 0 || !command || (options.output && !options.json && !local)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (local)
		return write_kubeconfig(&options);
	return run(&options, command, argc - optind, argv + optind);
}
