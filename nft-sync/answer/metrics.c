/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nft-sync/answer/command_parts.h"
#include "common/exposition.h"
#include "nft-sync/answer/health.h"
#include "nft-sync/answer/metrics.h"

struct metrics {
	struct histogram seconds;
	struct histogram bytes;
	struct histogram elements;
	uint64_t commits; /* of the history, as observed */
	char *page;       /* the last one; NULL: none */
	size_t length;
	uint64_t made; /* on the caller's clock */
};

struct metrics *metrics_new(void)
{
	struct metrics *metrics = malloc(sizeof(*metrics));
	if (metrics)
		*metrics = (struct metrics){
			.seconds = {.bounds = {.001, .0025, .005, .01, .02, .05, .1, .25, .5, 1,
		                               2.5, 5},
		                    .bound_count = 12},
			.bytes = {.bounds = {1e3, 1e4, 1e5, 1e6, 1e7, 1e8}, .bound_count = 6},
			.elements = {.bounds = {0, 1, 10, 100, 1e3, 1e4, 1e5}, .bound_count = 7},
		};
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	free(metrics->page);
	free(metrics);
}

void metrics_committed(struct metrics *metrics, const struct sync *sync)
{
	const struct sync_history *history = &sync->history;
	const struct nft_report *report = &history->report;
	if (history->commits == metrics->commits)
		return;
	metrics->commits = history->commits;
	histogram_observe(&metrics->seconds, history->commit_milliseconds / 1e3);
	histogram_observe(&metrics->bytes, (double)report->bytes);
	histogram_observe(&metrics->elements,
	                  (double)(report->elements_added + report->elements_deleted));
}

static void expose_health(FILE *out, const struct sync *sync)
{
	const struct sync_history *history = &sync->history;
	bool in_force = sync->image && history->error.code == 0;
	const struct sample_label version = {"version", PODSG_VERSION};
	expose_family(out, "podsg_build_info", "gauge", "Always 1; says which podsg this is.");
	expose_sample(out, "podsg_build_info", &version, 1, 1);
	expose_one(out, "podsg_healthy", "gauge", "Whether /healthz says ok.",
	           health_each(sync, NULL, NULL));
	expose_one(out, "podsg_in_force", "gauge",
	           "Whether the kernel holds the rules that it should.", in_force);
	expose_one(
		out, "podsg_problems", "gauge",
		"Sentences under Problems in podsgctl status that the documents are the cause of.",
		(double)(sync->problem_count +
	                 (sync->resolution ? sync->resolution->problem_count : 0)));
	expose_one(out, "podsg_config_last_reload_successful", "gauge",
	           "Whether the configuration's file is what is in force, as last tried.",
	           history->config_error.code == 0);
	expose_one(out, "podsg_config_last_reload_success_timestamp_seconds", "gauge",
	           "When the configuration in force was read.", (double)history->configured);
}

static void expose_commits(FILE *out, const struct metrics *metrics, const struct sync *sync)
{
	const struct sync_history *history = &sync->history;
	expose_histogram(out, "podsg_commit_duration_seconds",
	                 "From the documents to the kernel's acknowledgement, of each commit.",
	                 &metrics->seconds);
	expose_histogram(out, "podsg_commit_size_bytes", "Netlink bytes of each commit.",
	                 &metrics->bytes);
	expose_histogram(out, "podsg_commit_elements",
	                 "Set elements that each commit added and deleted.", &metrics->elements);
	expose_one(out, "podsg_commit_errors_total", "counter",
	           "Attempts that left the kernel as it was.", (double)history->errors);
	expose_one(out, "podsg_last_commit_timestamp_seconds", "gauge",
	           "When a commit last changed the kernel's rules; 0 = never.",
	           (double)history->committed);
	expose_one(out, "podsg_repairs_total", "counter",
	           "Changes by other processes that had to be undone.", (double)history->repairs);
	expose_one(out, "podsg_flows_cut_total", "counter",
	           "Established flows that were ended because their permission was withdrawn.",
	           (double)history->flows_cut);
	expose_one(out, "podsg_rule_sets", "gauge", "Compiled rule sets in the kernel.",
	           (double)history->render.rule_sets);
	expose_one(out, "podsg_rule_set_elements", "gauge", "Elements of those rule sets.",
	           (double)history->render.elements);
}

static void expose_interfaces(FILE *out, const struct sync *sync)
{
	const struct resolution *resolution = sync->resolution;
	size_t orphans = 0;
	size_t absent = 0;
	size_t states[BRANCH_CLAIMED + 1] = {0};
	for (size_t i = 0; resolution && i < resolution->branch_count; i++) {
		states[resolution->branches[i].state]++;
		orphans += resolution->branches[i].orphan;
		absent += !resolution->branches[i].present;
	}
	expose_family(
		out, "podsg_interfaces", "gauge",
		"Branch interfaces of this node by state: open, closed (none of its groups is "
		"known) or claimed (by a newer pod).");
	for (enum branch_state state = BRANCH_OPEN; state <= BRANCH_CLAIMED; state++) {
		const struct branch example = {.state = state};
		const struct sample_label label = {"state", branch_state_name(&example)};
		expose_sample(out, "podsg_interfaces", &label, 1, (double)states[state]);
	}
	expose_one(out, "podsg_interfaces_orphaned", "gauge",
	           "Those of pods that are gone, whose interface is still there.", (double)orphans);
	expose_one(out, "podsg_interfaces_absent", "gauge",
	           "Those of pods whose interface is not there.", (double)absent);
}

static void expose_attachments(FILE *out, const struct sync *sync)
{
	const struct attachment *const *attachments = NULL;
	size_t count = 0;
	size_t states[ATTACHMENT_GONE + 1] = {0};
	(void)model_attachments(sync->model, &attachments, &count);
	for (size_t i = 0; i < count; i++)
		states[attachments[i]->state]++;
	expose_family(out, "podsg_attachments", "gauge",
	              "Sandboxes' interfaces in the journal of podsg-cni by state: adding, ready, "
	              "unfiltered (started without an answer) or gone (not yet cleaned up).");
	for (enum attachment_state state = ATTACHMENT_ADDING; state <= ATTACHMENT_GONE; state++) {
		const struct sample_label label = {"state", attachment_state_name(state)};
		expose_sample(out, "podsg_attachments", &label, 1, (double)states[state]);
	}
	expose_one(out, "podsg_clean_ups_open", "gauge",
	           "Sandboxes that are gone of which something may be left.",
	           (double)sync->history.clean_ups.open);
	expose_histogram(
		out, "podsg_attach_wait_seconds",
		"How long podsg-cni waited to hear whether a sandbox's rules are in force.",
		&sync->history.attach_waits);
}

/* One family of the file source: of every file one number. */
static void expose_files(FILE *out, const struct source_files *source, const char *name,
                         const char *help, double (*of)(const struct source_file *file))
{
	size_t count;
	const struct source_file *files = source_files_list(source, &count);
	expose_family(out, name, "gauge", help);
	for (size_t i = 0; i < count; i++) {
		const struct sample_label label = {"file", files[i].name};
		expose_sample(out, name, &label, 1, of(&files[i]));
	}
}

static double file_good(const struct source_file *file)
{
	return file->state == SOURCE_FILE_GOOD;
}

static double file_loaded(const struct source_file *file)
{
	return (double)file->loaded;
}

static double file_objects(const struct source_file *file)
{
	return (double)file->objects;
}

static void expose_file_source(FILE *out, const struct source_files *source)
{
	if (!source)
		return;
	expose_files(
		out, source, "podsg_source_file_good",
		"Whether the file as it is is in force, and not an earlier version or nothing.",
		file_good);
	expose_files(out, source, "podsg_source_file_timestamp_seconds",
	             "When what is in force of the file was written; 0 = nothing is.", file_loaded);
	expose_files(out, source, "podsg_source_file_objects", "Objects of the file in force.",
	             file_objects);
}

static double live_synced(const struct source_status *status)
{
	return status->synced;
}

static double live_current(const struct source_status *status)
{
	return status->current;
}

static double live_fresh(const struct source_status *status)
{
	return (double)status->fresh;
}

static double live_objects(const struct source_status *status)
{
	return (double)status->objects;
}

static double live_failures(const struct source_status *status)
{
	return (double)status->failures;
}

static const struct live_family {
	const char *name, *type, *help;
	double (*of)(const struct source_status *status);
} live_families[] = {
	{"podsg_source_synced", "gauge", "Whether the source has been read whole once.",
         live_synced},
	{"podsg_source_current", "gauge",
         "Whether the source is being followed; if not, what it said last stands.", live_current},
	{"podsg_source_fresh_timestamp_seconds", "gauge",
         "When the source was last known to be current; 0 = never.", live_fresh},
	{"podsg_source_objects", "gauge", "Objects that the source gave.", live_objects},
	{"podsg_source_failures_total", "counter", "Failures to read the source.", live_failures},
};

struct live_visit {
	FILE *out;
	const struct live_family *family;
};

static void expose_live(void *context, const struct source_status *status)
{
	const struct live_visit *visit = context;
	const struct sample_label labels[] = {{"source", status->source}, {"what", status->what}};
	if (!status->absent)
		expose_sample(visit->out, visit->family->name, labels, 2,
		              visit->family->of(status));
}

static void expose_live_sources(FILE *out, const struct live_sources *live)
{
	for (size_t i = 0; i < sizeof(live_families) / sizeof(live_families[0]); i++) {
		struct live_visit visit = {.out = out, .family = &live_families[i]};
		expose_family(out, visit.family->name, visit.family->type, visit.family->help);
		live_sources_each(live, expose_live, &visit);
	}
}

static char *make_page(const struct metrics *metrics, const struct sync *sync, size_t *length)
{
	char *page = NULL;
	FILE *out = open_memstream(&page, length);
	if (!out)
		return NULL;
	expose_health(out, sync);
	expose_commits(out, metrics, sync);
	expose_interfaces(out, sync);
	expose_attachments(out, sync);
	metrics_counters(out, sync);
	expose_file_source(out, sync->files);
	expose_live_sources(out, sync->live);
	expose_process(out);
	bool failed = ferror(out);
	if (fclose(out) == 0 && !failed)
		return page;
	free(page);
	return NULL;
}

char *metrics_page(struct metrics *metrics, const struct sync *sync, uint64_t now, size_t *length)
{
	if (!metrics->page || now - metrics->made >= METRICS_KEPT) {
		free(metrics->page);
		metrics->page = make_page(metrics, sync, &metrics->length);
		metrics->made = now;
	}
	char *copy = metrics->page ? malloc(metrics->length + 1) : NULL;
	if (copy)
		memcpy(copy, metrics->page, metrics->length + 1);
	*length = metrics->length;
	return copy;
}
