/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/config.h"
#include "dnscache/corefile/values.h"
#include "dnscache/daemon.h"
#include "dnscache/node/network.h"
#include "dnscache/serve/plan.h"
#include "dnscache/tell/counter_table.h"

static int check(const struct dnscache_options *options, const struct config *config,
                 struct error *err)
{
	struct dnscache_values values;
	struct corefile *corefile;
	struct plan *plan;
	struct counter_table *counters = counter_table_new(1);
	if (!counters)
		return error_set(err, -ENOMEM, "no memory");
	int r = dnscache_values_read(options, config, &values, err);
	if (r == 0) {
		r = dnscache_values_corefile(&values, &corefile, err);
		if (r == 0)
			r = plan_make(corefile, values.listen, values.listen_count, counters, &plan,
			              err);
		if (r == 0) {
			for (size_t i = 0; i < plan->corefile->warning_count; i++)
				printf("warning: %s\n", plan->corefile->warnings[i]);
			plan_release(plan);
		}
		dnscache_values_free(&values);
	}
	counter_table_free(counters);
	return r;
}

int dnscache_check(const struct dnscache_options *options)
{
	struct error failure = {0};
	struct config *config;
	int r = config_find(options->config, &config, &failure);
	if (r == 0) {
		r = check(options, config, &failure);
		config_free(config);
	}
	if (r < 0)
		printf("error: %s\n", failure.code ? failure.text : strerror(-r));
	return r < 0 ? 1 : 0;
}

/* Only the names matter of what a daemon would set up. */
int dnscache_clean_up(const struct dnscache_options *options, struct error *err)
{
	struct network_settings settings = {
		.interface = options->interface,
		.port = options->port,
		.health_port = options->health_port,
		.interface_wanted = options->setup_interface,
		.rules_wanted = options->setup_rules,
	};
	struct network *network;
	int r = network_open(&settings, &network, err);
	if (r < 0)
		return r;
	r = network_tear_down_rules(network, err);
	int s = network_tear_down_interface(network, err);
	network_close(network);
	return r < 0 ? r : s;
}
