/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/network_state.h"
#include "nft-sync/closing.h"
#include "nft-sync/draw/render_closed.h"
#include "nft-sync/host/host.h"
#include "nft-sync/kernel/nft.h"
#include "nft-sync/resolve/interface_name.h"
#include "nft-sync/source/source_files.h"

/* A document that is broken counts: the daemon may have a copy of its last good version. */
static int has_documents(const char *directory, bool *ret, struct error *err)
{
	size_t count = 0;
	bool changed;
	struct source_files *files = NULL;
	struct model *model = model_new();
	int r = model ? source_files_open(directory, "", &files, err)
	              : error_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = source_files_read(files, model, &changed, err);
	if (r == 0)
		(void)source_files_list(files, &count);
	*ret = count > 0;
	source_files_close(files);
	model_free(model);
	return r;
}

/* EC2 alone names no pods. Where nothing does, no packet is ever looked at. */
static int names_pods(const struct config *config, bool *ret, struct error *err)
{
	*ret = config->kubernetes.kubeconfig[0] || config->kubernetes.in_cluster;
	if (*ret || !config->files.directory[0])
		return 0;
	return has_documents(config->files.directory, ret, err);
}

static bool is_strict(const char *interface)
{
	return strncmp(interface, STRICT_PREFIX, strlen(STRICT_PREFIX)) == 0 &&
	       strncmp(interface, BRANCH_DEVICE_PREFIX, strlen(BRANCH_DEVICE_PREFIX)) != 0;
}

/*
 * At boot there are no pods. A pod that runs all the same, because podsg is being turned on, has
 * run unfiltered until now and would lose its flows.
 */
static int draw(const struct host *host, struct image **ret, size_t *there_before,
                struct error *err)
{
	size_t count = 0;
	const char **names = reallocarray(NULL, host->link_count + 1, sizeof(*names));
	if (!names)
		return error_set(err, -ENOMEM, "no memory");
	for (size_t i = 0; i < host->link_count; i++)
		if (is_strict(host->links[i].name))
			names[count++] = host->links[i].name;
	int r = render_closed(names, count, ret);
	if (r < 0)
		error_set(err, r, "no memory to draw the rule set");
	free(names);
	*there_before = count;
	return r;
}

static int apply(const struct config *config, struct image *image, bool *made, struct error *err)
{
	struct nft_report report = {0};
	struct nft *nft = NULL;
	int r = nft_open(config->nft_sync.table, config->nft_sync.own_table, &nft, err);
	if (r == 0)
		r = nft_apply_new(nft, image, &report, err);
	*made = r == 0 && report.changed;
	nft_close(nft);
	return r;
}

static void note_not_closed(const char *reason)
{
	char quoted[256];
	log_event(LOG_LEVEL_INFO, "not-closed", "reason=%s",
	          log_quote(reason, quoted, sizeof(quoted)));
}

static int close_all(const struct config *config, struct error *err)
{
	bool made = false;
	size_t there_before = 0;
	struct host host = {0};
	struct image *image = NULL;
	int r = host_facts(&host, err);
	if (r == 0)
		r = draw(&host, &image, &there_before, err);
	if (r == 0)
		r = apply(config, image, &made, err);
	if (made)
		log_event(LOG_LEVEL_INFO, "closed",
		          "table=%s there-before=%zu opened-by=\"podsg-nft-sync --clean-up\"",
		          config->nft_sync.table, there_before);
	else if (r == 0)
		note_not_closed("the table is there");
	image_free(image);
	host_done(&host);
	return r;
}

int close_strict_pods(const struct config *config, struct error *err)
{
	bool needed = false;
	int r = names_pods(config, &needed, err);
	if (r < 0)
		return r;
	if (needed)
		return close_all(config, err);
	note_not_closed("no source names pods");
	return 0;
}
