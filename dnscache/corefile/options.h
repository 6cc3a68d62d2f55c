/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNSCACHE_OPTIONS_H
#define PODSG_DNSCACHE_OPTIONS_H

/* The command line: ours, and node-cache's with one dash or two, as Go's flag package reads it. */

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

enum dnscache_job {
	DNSCACHE_RUN,
	DNSCACHE_CHECK,    /* --check: read everything, say what is wrong */
	DNSCACHE_CLEAN_UP, /* --clean-up: remove interface and tables */
	DNSCACHE_HELP,
	DNSCACHE_VERSION,
	DNSCACHE_PLUGINS, /* -plugins */
};

struct dnscache_options {
	enum dnscache_job job;
	const char *config;           /* --config; NULL: the default, which may be absent */
	const char *corefile;         /* -conf, else -corefile, else NULL */
	const char *base_corefile;    /* -basecorefile: a template; NULL: none given */
	const char *local_ip;         /* -localip, addresses with commas between; NULL */
	const char *interface;        /* -interfacename */
	const char *upstream_service; /* -upstreamsvc; NULL: not given */
	const char *kube_dns_config;  /* -kubednscm: a directory; "" */
	const char *pid_file;         /* NULL */
	const char *metrics_address;  /* -metrics-listen-address; NULL: not given */
	uint16_t health_port;
	uint16_t port;                     /* -dns.port */
	bool setup_interface, setup_rules; /* -setupinterface, -setupiptables */
	bool skip_teardown, reload_with_signal;
	bool legacy_metrics, quiet, debug;
	unsigned workers; /* --workers; 0 = one a CPU, a few at most */
};

/* Strings point into argv. -EINVAL: err says which flag and what it takes. */
int dnscache_options_parse(int argc, char **argv, struct dnscache_options *ret, struct error *err);
extern const char dnscache_usage[];

#endif
