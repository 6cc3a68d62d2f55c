/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>

#include "nft-sync/check/check_live.h"

static bool has_kubernetes(const struct config *config)
{
	return config->kubernetes.kubeconfig[0] || config->kubernetes.in_cluster;
}

bool check_live_configured(const struct config *config)
{
	return has_kubernetes(config) || config->ec2.enabled;
}

int check_live_read(struct check_documents *documents, struct error *err)
{
	const struct config *config = documents->facts->config;
	uv_loop_t loop;
	int r = uv_loop_init(&loop);
	if (r < 0)
		return error_set(err, r, "event loop: %s", uv_strerror(r));
	/* A server that hangs up is no reason to die. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (has_kubernetes(config))
		r = check_live_kubernetes(documents, &loop, err);
	if (r == 0 && config->ec2.enabled)
		r = check_live_ec2(documents, &loop, err);
	/* What was closed has its memory until the loop has run once more. */
	while (uv_run(&loop, UV_RUN_DEFAULT) != 0) {
	}
	uv_loop_close(&loop);
	return r;
}
