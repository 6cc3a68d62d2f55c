/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SYNC_H
#define PODSG_SYNC_H

/*
 * The way of the data, one step behind the other: the sources fill the model, the model and the
 * host's facts are resolved, the resolution is drawn, the drawing is made true in the kernel.
 * Knows no event loop: the daemon calls it when something is to be read.
 */

#include "common/config.h"
#include "common/error.h"
#include "common/exposition.h"
#include "nft-sync/answer/branches_file.h"
#include "nft-sync/draw/render.h"
#include "nft-sync/host/host.h"
#include "nft-sync/kernel/nft.h"
#include "nft-sync/model/model.h"
#include "nft-sync/source/live_sources.h"
#include "nft-sync/source/source_files.h"
#include "nft-sync/source/source_journal.h"

/* Of sandboxes that are gone. */
struct clean_up_history {
	size_t open;        /* attachments of which something may be left */
	struct error error; /* why the last one could not be done; code 0: it could */
};

/* What has happened, for status. Times are seconds since 1970, 0 = never. */
struct sync_history {
	int64_t started;
	int64_t committed;
	double commit_milliseconds; /* of the last commit: resolve, draw, apply */
	struct nft_report report;   /* of the last commit that changed something */
	struct render_report render;
	uint64_t commits;
	uint64_t repairs;
	int64_t repaired;
	struct nft_tampering tampering; /* the last one */
	uint64_t errors;
	struct error error;          /* why the kernel is not as it should be; code 0: it is */
	struct error branches_error; /* why branches.json is not, likewise */
	int64_t configured;          /* when the configuration in force was read */
	struct error config_error;   /* why its file is not what is in force; code 0: it is */
	uint64_t flows_cut;
	struct histogram attach_waits; /* seconds, of every question of podsg-cni */
	struct clean_up_history clean_ups;
};

struct sync {
	const struct config *config;
	struct model *model;
	struct host host;
	struct host_watch *host_watch;
	struct source_files *files;
	struct source_journal *journal;
	const struct live_sources *live; /* the event loop's; NULL: none */
	struct renderer *renderer;
	struct nft *nft;                /* NULL: --print, --check */
	struct branches_file *branches; /* NULL likewise */
	struct resolution *resolution;
	struct resolution *noted; /* whose problems were logged last; may be the same */
	struct image *image;      /* what the kernel holds, or is to hold */
	struct image *drawn;      /* not yet in the kernel */
	bool in_force;            /* the kernel holds what the resolution says */
	char **problems;          /* of the last drawing */
	size_t problem_count, problem_capacity;
	struct sync_history history;
};

/* kernel false: nothing is opened that needs privileges or writes. */
int sync_open(struct sync *sync, const struct config *config, bool kernel, struct error *err);
void sync_close(struct sync *sync);

/*
 * Goes by another configuration from now on; what is in force stays until the next sync_apply().
 * The former one is still referred to by the resolution until then. Where the directory of the
 * documents is another one, it is read here. On failure all is as it was.
 */
int sync_configure(struct sync *sync, const struct config *config, struct error *err);

/* Reads the sources; *changed says whether there is something to resolve anew. */
int sync_read_files(struct sync *sync, bool *changed, struct error *err);
/* What is reported of the journal, which sync_read_files() reads, too. */
int sync_read_journal(struct sync *sync, bool *changed, struct error *err);
/* What can wait until the rules are in force: copies of good documents, one a call; true: there
 * are more. */
bool sync_keep_copy(struct sync *sync);
void sync_keep_copies(struct sync *sync); /* all of them */
int sync_read_host(struct sync *sync, bool *changed, struct error *err);
/* Reads who else changed the kernel's rule set; *changed: our table. */
void sync_read_watch(struct sync *sync, bool *changed);

/* Resolves and draws; the kernel is not asked. */
int sync_draw(struct sync *sync, struct error *err);
/* Draws and makes it true in the kernel. What failed is in history.error too; call it again later.
 */
int sync_apply(struct sync *sync, struct error *err);
/* Writes branches.json, once the rules are in force: whoever waits for them need not wait for it.
 */
void sync_tell(struct sync *sync);
/* Writes branches.json where it could not be written. */
void sync_retry(struct sync *sync);

#endif
