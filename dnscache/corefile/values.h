/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNSCACHE_VALUES_H
#define PODSG_DNSCACHE_VALUES_H

/*
 * What command line, podsg.yaml (section dns), environment and a kube-dns ConfigMap's directory say
 * together; flags win over the file. Read anew at every reload.
 */

#include "common/config.h"
#include "dnscache/corefile/corefile.h"
#include "dnscache/corefile/options.h"

struct dnscache_values {
	struct arena *arena; /* of all that follows */
	struct corefile_values corefile;
	struct prefix *listen; /* -localip, else dns.listen: where blocks without `bind` listen */
	size_t listen_count;
	struct prefix
		*cluster_servers; /* dns.clusterServers, else $…_SERVICE_HOST of -upstreamsvc */
	size_t cluster_server_count;
	const char *metrics_address; /* "0.0.0.0:9353"; "" = none */
	/* Of the Corefile: -basecorefile if that is there, -conf, dns.corefile; NULL: no such file
	 * by default, corefile_default it is. */
	const char *path;
};

int dnscache_values_read(const struct dnscache_options *options, const struct config *config,
                         struct dnscache_values *ret, struct error *err);
/* The Corefile that they name, with what they stand for. */
int dnscache_values_corefile(const struct dnscache_values *values, struct corefile **ret,
                             struct error *err);
void dnscache_values_free(struct dnscache_values *values); /* accepts a zeroed one */

#endif
