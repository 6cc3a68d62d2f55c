/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/address.h"
#include "dnscache/corefile/corefile_reader.h"
#include "dnscache/corefile/options.h"

#define SECOND 1000000000ULL
#define SYNC_INTERVAL_MAX 86400U
#define WORKERS_MAX 64

struct flag {
	const char *name;
	/* value: NULL where a bool was given without one. -EINVAL: err says what is expected. */
	int (*set)(const struct flag *flag, const char *value, struct dnscache_options *options,
	           struct error *err);
	size_t offset;
	uint32_t min, max;
	enum dnscache_job job;
	bool alone; /* takes no value but by = */
};

static int refuse(const struct flag *flag, const char *value, const char *rule, struct error *err)
{
	char name[64];
	const struct error_place place = {.item = name};

	(void)snprintf(name, sizeof(name), "-%s", flag->name);
	return error_at(err, -EINVAL, &place, value, "%s", rule);
}

static void *slot(const struct flag *flag, struct dnscache_options *options)
{
	return (char *)options + flag->offset;
}

static int set_text(const struct flag *flag, const char *value, struct dnscache_options *options,
                    struct error *err)
{
	(void)err;
	*(const char **)slot(flag, options) = value;
	return 0;
}

/* As strconv.ParseBool reads it. */
static int parse_bool(const char *value)
{
	static const char *const words[] = {"0", "f", "F", "false", "FALSE", "False",
	                                    "1", "t", "T", "true",  "TRUE",  "True"};

	for (int i = 0; i < 12; i++) {
		if (strcmp(value, words[i]) == 0)
			return i >= 6;
	}
	return -EINVAL;
}

static int set_bool(const struct flag *flag, const char *value, struct dnscache_options *options,
                    struct error *err)
{
	int parsed = value ? parse_bool(value) : 1;

	if (parsed < 0)
		return refuse(flag, value, "expected true or false", err);
	*(bool *)slot(flag, options) = parsed;
	return 0;
}

static int set_job(const struct flag *flag, const char *value, struct dnscache_options *options,
                   struct error *err)
{
	int parsed = value ? parse_bool(value) : 1;

	if (parsed < 0)
		return refuse(flag, value, "expected true or false", err);
	if (parsed && options->job == DNSCACHE_RUN)
		options->job = flag->job;
	return 0;
}

static int parse_number(const struct flag *flag, const char *value, uint32_t *ret,
                        struct error *err)
{
	size_t digits = strspn(value, "0123456789");
	unsigned long number = digits < 10 ? strtoul(value, NULL, 10) : UINT32_MAX;
	char rule[64];

	if (digits > 0 && value[digits] == '\0' && number >= flag->min && number <= flag->max) {
		*ret = (uint32_t)number;
		return 0;
	}
	(void)snprintf(rule, sizeof(rule), "expected a whole number, %u to %u", flag->min,
	               flag->max);
	return refuse(flag, value, rule, err);
}

static int set_port(const struct flag *flag, const char *value, struct dnscache_options *options,
                    struct error *err)
{
	uint32_t number = 0;
	int r = parse_number(flag, value, &number, err);

	if (r == 0)
		*(uint16_t *)slot(flag, options) = (uint16_t)number;
	return r;
}

static int set_workers(const struct flag *flag, const char *value, struct dnscache_options *options,
                       struct error *err)
{
	return parse_number(flag, value, &options->workers, err);
}

/*
 * node-cache multiplies its duration by a second, so that 60 seconds are written 60ns there (Go's
 * flag package wants a unit); without a unit, with a real one and with that one it is
 * accepted here, and has no effect: what it timed is looked at every second.
 */
static int set_interval(const struct flag *flag, const char *value,
                        struct dnscache_options *options, struct error *err)
{
	size_t digits = strspn(value, "0123456789");
	(void)options;
	bool bare = digits > 0 && (value[digits] == '\0' || strcmp(value + digits, "ns") == 0);
	uint64_t seconds = 0;

	if (bare)
		seconds = digits < 10 ? strtoul(value, NULL, 10) : UINT64_MAX;
	else if (corefile_duration_parse(value, &seconds) == 0)
		seconds = (seconds + SECOND - 1) / SECOND;
	if (seconds < 1 || seconds > SYNC_INTERVAL_MAX)
		return refuse(flag, value, "expected a time like 60, 60s or 5m, 1s to 24h", err);
	return 0;
}

/* "169.254.20.10,10.96.0.10" */
static int set_addresses(const struct flag *flag, const char *value,
                         struct dnscache_options *options, struct error *err)
{
	const char *at = value;
	char address[64];
	struct prefix parsed;

	for (;;) {
		size_t length = strcspn(at, ",");

		(void)snprintf(address, sizeof(address), "%.*s", (int)length, at);
		if (length >= sizeof(address) || address_parse(address, &parsed) < 0)
			return refuse(flag, value, "expected addresses with commas between", err);
		if (at[length] == '\0')
			break;
		at += length + 1;
	}
	options->local_ip = value;
	return 0;
}

static int set_endpoint(const struct flag *flag, const char *value,
                        struct dnscache_options *options, struct error *err)
{
	if (value[0] != '\0' && !corefile_is_endpoint(value))
		return refuse(flag, value, "expected ADDRESS:PORT, :PORT, or \"\" for none", err);
	return set_text(flag, value, options, err);
}

#define AT(member) .offset = offsetof(struct dnscache_options, member)
#define BOOL(member) .set = set_bool, .alone = true, AT(member)
#define TEXT(member) .set = set_text, AT(member)
#define PORT(member) .set = set_port, AT(member), .min = 1, .max = UINT16_MAX
#define JOB(number) .set = set_job, .alone = true, .job = (number)

static const struct flag flags[] = {
	{"config", TEXT(config)},
	{"check", JOB(DNSCACHE_CHECK)},
	{"clean-up", JOB(DNSCACHE_CLEAN_UP)},
	{"help", JOB(DNSCACHE_HELP)},
	{"h", JOB(DNSCACHE_HELP)},
	{"version", JOB(DNSCACHE_VERSION)},
	{"plugins", JOB(DNSCACHE_PLUGINS)},
	{"workers", .set = set_workers, .max = WORKERS_MAX},
	{"legacy-metrics", BOOL(legacy_metrics)},
	{"debug", BOOL(debug)},
	{"quiet", BOOL(quiet)},
	{"conf", TEXT(corefile)},
	{"dns.port", PORT(port)},
	{"p", PORT(port)},
	{"pidfile", TEXT(pid_file)},
	{"localip", .set = set_addresses},
	{"setupinterface", BOOL(setup_interface)},
	{"interfacename", TEXT(interface)},
	{"syncinterval", .set = set_interval},
	{"metrics-listen-address", .set = set_endpoint, AT(metrics_address)},
	{"setupiptables", BOOL(setup_rules)},
	{"basecorefile", TEXT(base_corefile)},
	{"kubednscm", TEXT(kube_dns_config)},
	{"upstreamsvc", TEXT(upstream_service)},
	{"health-port", PORT(health_port)},
	{"skipteardown", BOOL(skip_teardown)},
	{"reloadwithsignal", BOOL(reload_with_signal)},
};

/* node-cache's name for what -conf is, too, which goes first wherever it stands. */
static const struct flag corefile_flag = {"corefile", TEXT(corefile)};

const char dnscache_usage[] =
	"usage: podsg-dnscache [OPTIONS]\n"
	"  --config FILE      configuration, default /etc/podsg/podsg.yaml\n"
	"  --check            read everything, say what is wrong, and exit\n"
	"  --clean-up         remove interface and tables, and exit\n"
	"  --workers N        threads that serve, default one a CPU, 4 at most\n"
	"  --legacy-metrics   metrics by their oldest names, too\n"
	"  --debug            log more\n"
	"  --version, --help\n"
	"As node-cache has them, with one dash or two, -flag=false switches off:\n"
	"  -conf FILE, -corefile FILE      Corefile, default /etc/podsg/Corefile\n"
	"  -basecorefile FILE              template of it\n"
	"  -localip ADDRESS,...            addresses to listen on, else dns.listen\n"
	"  -setupinterface                 make an interface for them, default true\n"
	"  -interfacename NAME             default nodelocaldns\n"
	"  -setupiptables                  keep their packets from being tracked, default true\n"
	"  -skipteardown                   leave both when stopped\n"
	"  -syncinterval TIME              no effect: both are looked at every second\n"
	"  -upstreamsvc NAME               Service of the cluster's DNS servers\n"
	"  -kubednscm DIRECTORY            kube-dns's ConfigMap, default /etc/kube-dns if there\n"
	"  -metrics-listen-address ADDRESS:PORT   default 0.0.0.0:9353\n"
	"  -health-port PORT               default 8080\n"
	"  -reloadwithsignal, -pidfile FILE, -dns.port PORT, -quiet, -plugins\n";

static const struct flag *find_flag(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strlen(flags[i].name) == length && memcmp(flags[i].name, name, length) == 0)
			return &flags[i];
	}
	return strlen(corefile_flag.name) == length && memcmp(corefile_flag.name, name, length) == 0
	               ? &corefile_flag
	               : NULL;
}

struct arguments {
	char **at;
	char **end;
	const char *corefile; /* of -corefile */
};

static int read_flag(struct arguments *arguments, struct dnscache_options *options,
                     struct error *err)
{
	const char *argument = *arguments->at++;
	const char *name = argument + (argument[1] == '-' ? 2 : 1);
	size_t length = strcspn(name, "=");
	const char *value = name[length] == '=' ? name + length + 1 : NULL;
	const struct flag *flag = find_flag(name, length);

	if (!flag)
		return error_set(err, -EINVAL, "%s: unknown option; --help lists them", argument);
	if (!value && !flag->alone) {
		if (arguments->at == arguments->end)
			return refuse(flag, NULL, "expected a value behind it", err);
		value = *arguments->at++;
	}
	if (flag == &corefile_flag) {
		arguments->corefile = value;
		return 0;
	}
	return flag->set(flag, value, options, err);
}

int dnscache_options_parse(int argc, char **argv, struct dnscache_options *ret, struct error *err)
{
	struct arguments arguments = {.at = argv + (argc > 0 ? 1 : 0), .end = argv + argc};
	struct dnscache_options options = {.interface = "nodelocaldns",
	                                   .kube_dns_config = "",
	                                   .health_port = 8080,
	                                   .port = 53,
	                                   .setup_interface = true,
	                                   .setup_rules = true};

	while (arguments.at < arguments.end) {
		const char *argument = *arguments.at;
		int r;

		if (argument[0] != '-' || argument[1] == '\0' || strcmp(argument, "--") == 0)
			return error_set(err, -EINVAL, "%s: expected an option; --help lists them",
			                 argument);
		r = read_flag(&arguments, &options, err);
		if (r < 0)
			return r;
	}
	if (!options.corefile)
		options.corefile = arguments.corefile;
	*ret = options;
	return 0;
}
