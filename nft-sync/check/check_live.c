/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "nft-sync/check/check_live.h"
#include "nft-sync/check/facts_withheld.h"

static bool has_kubernetes(const struct config *config)
{
	return config->kubernetes.kubeconfig[0] || config->kubernetes.in_cluster;
}

bool check_live_configured(const struct config *config)
{
	return has_kubernetes(config) || config->ec2.enabled;
}

int check_live_try(struct check_documents *documents, const char *list, const char *name,
                   const char *text, size_t length, struct error *refused)
{
	struct facts *facts = documents->facts;
	facts->live = arena_strdup(facts->arena, list);
	int r = facts->live
	                ? check_documents_try(documents, name, DOCUMENT_JSON, text, length, refused)
	                : error_set(refused, -ENOMEM, "no memory");
	facts->live = NULL;
	return r;
}

int check_live_put(struct check_documents *documents, const char *list, const char *name,
                   const char *text, size_t length, struct error *err)
{
	struct error refused = {0};
	int r = check_live_try(documents, list, name, text, length, &refused);
	return r < 0 ? check_documents_note(documents, name, false, &refused, err) : 0;
}

int check_live_withhold(struct check_documents *documents, const char *document, const char *what,
                        const char *needs, const struct error *why, struct error *err)
{
	int r = facts_withhold(documents->facts, what, needs, err);
	return r < 0 ? r : check_documents_note(documents, document, true, why, err);
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
	memcpy(documents->facts->told, documents->facts->known, sizeof(documents->facts->told));
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
