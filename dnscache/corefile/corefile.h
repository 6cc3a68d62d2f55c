/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_COREFILE_H
#define PODSG_COREFILE_H

/* From a Corefile's text to settings. A word that is not supported is refused by its name, with
 * file and line; nothing is ignored silently. */

#include "common/error.h"
#include "dnscache/corefile/settings.h"

/* What the `__PILLAR__…` placeholders and `{$NAME}` stand for, and kube-dns's stub domains. */
struct corefile_values {
	const char *cluster_dns;      /* addresses separated by blanks; "" = none */
	const char *local_dns;        /* likewise: the listen addresses */
	const char *upstream_servers; /* likewise, or "/etc/resolv.conf" */
	bool upstream_servers_udp; /* from a kube-dns ConfigMap: `force_tcp` of their block falls */
	const char *domain;        /* "cluster.local" */
	const char
		*stub_domains; /* text of a kube-dns ConfigMap's stubDomains (JSON); NULL: none */
	const char *directory; /* of that ConfigMap, for corefile.paths; NULL: none */
	uint16_t port;         /* of blocks that say none: -dns.port */
};

int corefile_load(const char *path, const struct corefile_values *values, struct corefile **ret,
                  struct error *err);
/* name: for messages. import is refused where base is NULL; else relative to that directory. */
int corefile_parse(const char *name, const char *base, const char *text, size_t length,
                   const struct corefile_values *values, struct corefile **ret, struct error *err);
void corefile_free(struct corefile *corefile); /* accepts NULL */

/* What node-cache's template is, for a node without any Corefile; and where no DNS server of a
 * cluster is known (values.cluster_dns is empty), its last block alone. */
extern const char corefile_default[];
extern const char corefile_default_alone[];

/* The directives that are supported, a line each. */
extern const char corefile_plugins[];

#endif
