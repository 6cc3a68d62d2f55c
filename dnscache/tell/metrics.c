/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "dnscache/tell/metrics_parts.h"

const double metrics_durations[COUNT_DURATIONS - 1] = {
	0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032,
	0.064,   0.128,  0.256, 0.512, 1.024, 2.048, 4.096, 8.192,
};

static void expose_build(FILE *out)
{
	static const struct sample_label labels[] = {
		{"version", PODSG_VERSION}, {"revision", ""}, {"goversion", ""}};
	expose_family(out, "coredns_build_info", "gauge", "What was built: podsg-dnscache.");
	expose_sample(out, "coredns_build_info", labels, 3, 1);
	expose_one(out, "coredns_panics_total", "counter", "Panics: a crash here ends the process.",
	           0);
}

static void expose_reload(FILE *out, const struct metrics_view *view)
{
	char hex[2 * sizeof(view->plan->corefile->sha512) + 1];
	for (size_t i = 0; i < sizeof(view->plan->corefile->sha512); i++)
		snprintf(hex + 2 * i, 3, "%02x", view->plan->corefile->sha512[i]);
	struct sample_label labels[] = {{"hash", "sha512"}, {"value", hex}};
	expose_one(out, "coredns_reload_failed_total", "counter", "Corefiles that were refused.",
	           (double)view->reloads_failed);
	expose_family(out, "coredns_reload_version_info", "gauge", "The Corefile in force.");
	expose_sample(out, "coredns_reload_version_info", labels, 2, 1);
}

static void expose_setup_errors(FILE *out, const struct metrics_view *view)
{
	const struct {
		const char *type;
		uint64_t count;
	} errors[] = {
		{"iptables", view->setup_errors[NETWORK_RULES]},
		{"iptables_lock", 0},
		{"interface_add", view->setup_errors[NETWORK_INTERFACE_ADD]},
		{"interface_check", view->setup_errors[NETWORK_INTERFACE_CHECK]},
		{"configmap", view->config_errors},
	};
	static const char *const names[] = {"coredns_nodecache_setup_errors_total",
	                                    "coredns_nodecache_setup_errors"};
	for (size_t n = 0; n < (view->legacy ? 2 : 1); n++) {
		expose_family(out, names[n], "counter", "Network or configuration not set up.");
		for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
			struct sample_label label = {"errortype", errors[i].type};
			expose_sample(out, names[n], &label, 1, (double)errors[i].count);
		}
	}
}

char *dns_metrics_page(const struct metrics_view *view, size_t *length)
{
	char *page = NULL;
	FILE *out = open_memstream(&page, length);
	if (!out)
		return NULL;
	expose_build(out);
	metrics_zones(out, view);
	metrics_upstreams(out, view);
	expose_reload(out, view);
	expose_setup_errors(out, view);
	metrics_own(out, view);
	if (view->legacy)
		metrics_legacy(out, view);
	expose_process(out);
	bool failed = ferror(out);
	if (fclose(out) == 0 && !failed)
		return page;
	free(page);
	return NULL;
}
