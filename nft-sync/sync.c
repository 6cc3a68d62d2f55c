/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "nft-sync/judge/judge.h"
#include "nft-sync/kernel/flows.h"
#include "nft-sync/resolve/resolve.h"
#include "nft-sync/sync.h"

#define PROBLEMS_MAX 256

/* Where copies of the last good documents are kept: beside the documents. */
static int open_files(const char *directory, bool kernel, struct source_files **ret,
                      struct error *err)
{
	char copies[4096];
	*ret = NULL;
	if (!directory[0])
		return 0;
	size_t length = strlen(directory);
	while (length > 1 && directory[length - 1] == '/')
		length--;
	if (length + sizeof(".good") > sizeof(copies))
		return error_set(err, -ENAMETOOLONG, "%s: path too long", directory);
	memcpy(copies, directory, length);
	memcpy(copies + length, ".good", sizeof(".good"));
	return source_files_open(directory, kernel ? copies : "", ret, err);
}

static int open_kernel(struct sync *sync, struct error *err)
{
	int r = host_watch_open(&sync->host_watch, err);
	if (r == 0)
		r = nft_open(sync->config->nft_sync.table, sync->config->nft_sync.own_table,
		             &sync->nft, err);
	if (r == 0)
		r = branches_file_open(sync->config->nft_sync.branches, &sync->branches, err);
	if (r < 0)
		return r;
	struct error failure = {0};
	r = branches_file_read(sync->config->nft_sync.branches, sync->config, &sync->resolution,
	                       &failure);
	if (r < 0 && r != -ENOENT)
		log_text(LOG_LEVEL_WARNING, "branches-unreadable", failure.text);
	return 0;
}

int sync_open(struct sync *sync, const struct config *config, bool kernel, struct error *err)
{
	memset(sync, 0, sizeof(*sync));
	sync->config = config;
	sync->history.started = time(NULL);
	sync->history.configured = sync->history.started;
	sync->history.attach_waits = (struct histogram){
		.bounds = {.001, .0025, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		.bound_count = 15};
	sync->model = model_new();
	sync->renderer = renderer_new();
	int r = 0;
	if (!sync->model || !sync->renderer)
		r = error_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = open_files(config->files.directory, kernel, &sync->files, err);
	if (r == 0)
		r = source_journal_open(config->hooks.journal, &sync->journal, err);
	if (r == 0)
		r = kernel ? open_kernel(sync, err) : host_facts(&sync->host, err);
	if (r < 0)
		sync_close(sync);
	return r;
}

static void forget_problems(struct sync *sync)
{
	for (size_t i = 0; i < sync->problem_count; i++)
		free(sync->problems[i]);
	sync->problem_count = 0;
}

void sync_close(struct sync *sync)
{
	nft_close(sync->nft);
	branches_file_close(sync->branches);
	if (sync->noted != sync->resolution)
		resolution_free(sync->noted);
	resolution_free(sync->resolution);
	image_free(sync->image);
	image_free(sync->drawn);
	renderer_free(sync->renderer);
	source_files_close(sync->files);
	source_journal_close(sync->journal);
	host_watch_close(sync->host_watch);
	host_done(&sync->host);
	model_free(sync->model);
	forget_problems(sync);
	free(sync->problems);
	memset(sync, 0, sizeof(*sync));
}

/* ` key="value"`, or nothing where the value is "". */
static const char *optional(const char *key, const char *value, char *buffer, size_t size)
{
	char quoted[1024];
	buffer[0] = '\0';
	if (value[0])
		snprintf(buffer, size, " %s=%s", key, log_quote(value, quoted, sizeof(quoted)));
	return buffer;
}

static void note_file(const struct source_file *file)
{
	char state[64];
	char text[1100];
	bool good = file->state == SOURCE_FILE_GOOD;
	log_event(good ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
	          good ? "document-loaded" : "document-refused",
	          "file=%s in-force=%s objects=%zu%s", file->name,
	          log_quote(source_file_state_name(file->state), state, sizeof(state)),
	          file->objects, optional("text", file->error, text, sizeof(text)));
}

static void note_files(const struct source_files *source)
{
	size_t count;
	const struct source_file *files = source_files_list(source, &count);
	for (size_t i = 0; i < count; i++)
		if (files[i].news)
			note_file(&files[i]);
}

/* A pod that comes or goes is no event; what can't be understood is. */
static void note_journal(const struct source_files *source)
{
	char text[1100];
	size_t count;
	const struct source_file *files = source_files_list(source, &count);
	for (size_t i = 0; i < count; i++)
		if (files[i].news && files[i].error[0])
			log_event(LOG_LEVEL_ERROR, "journal-file-refused", "file=%s in-force=%s%s",
			          files[i].name, files[i].objects ? "earlier" : "none",
			          optional("text", files[i].error, text, sizeof(text)));
}

int sync_read_journal(struct sync *sync, bool *changed, struct error *err)
{
	struct source_files *files = source_journal_files(sync->journal);
	int r = source_files_read_reported(files, sync->model, changed, err);
	note_journal(files);
	return r;
}

static int look_at_journal(struct sync *sync, bool *changed, struct error *err)
{
	struct source_files *files = source_journal_files(sync->journal);
	int r = source_files_read(files, sync->model, changed, err);
	note_journal(files);
	return r;
}

static int read_documents(struct sync *sync, bool *changed, struct error *err)
{
	*changed = false;
	if (!sync->files)
		return 0;
	int r = source_files_read(sync->files, sync->model, changed, err);
	note_files(sync->files);
	return r;
}

int sync_read_files(struct sync *sync, bool *changed, struct error *err)
{
	bool attached = false;
	int r = read_documents(sync, changed, err);
	int s = look_at_journal(sync, &attached, err);
	*changed = *changed || attached;
	return r < 0 ? r : s;
}

/* Its documents, the source of which is about to be closed. */
static void forget_files(struct sync *sync, const struct source_files *source)
{
	size_t count = 0;
	const struct source_file *files = source ? source_files_list(source, &count) : NULL;
	for (size_t i = 0; i < count; i++)
		(void)model_remove(sync->model, files[i].path, NULL);
}

/* A directory that can't be read is no reason to give up the documents of another one. */
static int open_other_files(struct sync *sync, const char *directory, struct source_files **ret,
                            struct error *err)
{
	bool changed;
	struct source_files *files;
	int r = open_files(directory, true, &files, err);
	if (r < 0 || !files)
		return r;
	r = source_files_read(files, sync->model, &changed, err);
	if (r == 0 && source_files_problem(files)[0])
		r = error_set(err, -ENOENT, "%s", source_files_problem(files));
	if (r < 0) {
		forget_files(sync, files);
		source_files_close(files);
		return r;
	}
	note_files(files);
	*ret = files;
	return 0;
}

int sync_configure(struct sync *sync, const struct config *config, struct error *err)
{
	const char *directory = config->files.directory;
	struct source_files *files = NULL;
	if (strcmp(directory, sync->config->files.directory) != 0) {
		int r = open_other_files(sync, directory, &files, err);
		if (r < 0) {
			(void)error_wrap(err, "sources.files.directory");
			return r;
		}
		forget_files(sync, sync->files);
		source_files_close(sync->files);
		sync->files = files;
	}
	sync->config = config;
	sync->history.configured = time(NULL);
	return 0;
}

bool sync_keep_copy(struct sync *sync)
{
	char text[1100];
	size_t count;
	if (!sync->files)
		return false;
	bool more = source_files_keep_copy(sync->files);
	const struct source_file *files = source_files_list(sync->files, &count);
	for (size_t i = 0; i < count; i++)
		if (files[i].news)
			log_event(files[i].copy_error[0] ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
			          files[i].copy_error[0] ? "copy-not-kept" : "copy-kept",
			          "file=%s%s", files[i].name,
			          optional("text", files[i].copy_error, text, sizeof(text)));
	return more;
}

void sync_keep_copies(struct sync *sync)
{
	while (sync_keep_copy(sync)) {
	}
}

int sync_read_host(struct sync *sync, bool *changed, struct error *err)
{
	*changed = false;
	if (!sync->host_watch)
		return 0;
	return host_read(sync->host_watch, &sync->host, changed, err);
}

static void note_tampering(struct sync *sync, const struct nft_tampering *tampering)
{
	char process[160];
	char what[400];
	sync->history.tampering = *tampering;
	sync->history.repairs++;
	sync->history.repaired = time(NULL);
	log_event(LOG_LEVEL_WARNING, "table-changed-by-another", "process=%s pid=%u what=%s",
	          log_quote(tampering->process, process, sizeof(process)), tampering->pid,
	          log_quote(tampering->what, what, sizeof(what)));
}

/* Somebody who flushes the whole rule set finds ours locked: worth knowing, nothing to mend. */
static void note_neighbours(const struct nft_tampering *tampering)
{
	char process[160];
	log_event(LOG_LEVEL_INFO, "tables-deleted-by-another", "process=%s pid=%u ours=kept",
	          log_quote(tampering->process, process, sizeof(process)), tampering->pid);
}

void sync_read_watch(struct sync *sync, bool *changed)
{
	struct nft_tampering tampering;
	nft_watch_read(sync->nft, &tampering);
	*changed = tampering.seen;
	if (tampering.around_us)
		note_neighbours(&tampering);
	if (tampering.seen)
		note_tampering(sync, &tampering);
}

static void keep_problem(void *context, const char *sentence)
{
	struct sync *sync = context;
	if (sync->problem_count >= PROBLEMS_MAX)
		return;
	if (sync->problem_count == sync->problem_capacity) {
		size_t capacity = sync->problem_capacity ? 2 * sync->problem_capacity : 8;
		void *larger = reallocarray(sync->problems, capacity, sizeof(char *));
		if (!larger)
			return;
		sync->problems = larger;
		sync->problem_capacity = capacity;
	}
	sync->problems[sync->problem_count] = strdup(sentence);
	if (sync->problems[sync->problem_count])
		sync->problem_count++;
}

static bool has_problem(const struct resolution *resolution, const char *sentence)
{
	for (size_t i = 0; resolution && i < resolution->problem_count; i++)
		if (strcmp(resolution->problems[i], sentence) == 0)
			return true;
	return false;
}

/* Each is an event when it begins, and stands in the status as long as it lasts. */
static void note_new_problems(const struct resolution *before, const struct resolution *now)
{
	char text[1024];
	for (size_t i = 0; i < now->problem_count; i++)
		if (!has_problem(before, now->problems[i]))
			log_event(LOG_LEVEL_WARNING, "problem", "text=%s",
			          log_quote(now->problems[i], text, sizeof(text)));
}

static int sync_resolve(struct sync *sync, struct error *err)
{
	struct resolution *resolution = NULL;
	int r = resolve(sync->model, sync->config, &sync->host, sync->resolution, &resolution, err);
	if (r < 0)
		return r;
	if (sync->resolution != sync->noted)
		resolution_free(sync->resolution);
	sync->resolution = resolution;
	sync->in_force = false;
	return 0;
}

/* Only of what is to be in force: while a source has not been heard, much is not known. */
static void note_problems(struct sync *sync)
{
	note_new_problems(sync->noted, sync->resolution);
	if (sync->noted != sync->resolution)
		resolution_free(sync->noted);
	sync->noted = sync->resolution;
}

int sync_draw(struct sync *sync, struct error *err)
{
	struct image *image = NULL;
	int r = sync_resolve(sync, err);
	forget_problems(sync);
	if (r == 0)
		r = render(sync->renderer, sync->resolution, sync->model, sync->image, &image,
		           &sync->history.render, keep_problem, sync, err);
	if (r < 0)
		return r;
	image_free(sync->drawn);
	sync->drawn = image;
	return 0;
}

static double milliseconds_since(const struct timespec *start)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) * 1e3 +
	       (double)(now.tv_nsec - start->tv_nsec) / 1e6;
}

static void note_commit(struct sync *sync, const struct nft_report *report,
                        const struct timespec *start)
{
	struct sync_history *history = &sync->history;
	if (!report->changed)
		return;
	history->commits++;
	history->committed = time(NULL);
	history->commit_milliseconds = milliseconds_since(start);
	history->report = *report;
	log_event(LOG_LEVEL_INFO, "committed",
	          "generation=%u messages=%u bytes=%zu added=%zu deleted=%zu attempts=%u "
	          "reread=%s rule-sets=%zu compiled=%zu milliseconds=%.1f",
	          report->generation, report->messages, report->bytes, report->elements_added,
	          report->elements_deleted, report->attempts, report->reread ? "yes" : "no",
	          history->render.rule_sets, history->render.rule_sets_compiled,
	          history->commit_milliseconds);
}

void sync_tell(struct sync *sync)
{
	struct error failure = {0};
	(void)branches_file_write(sync->branches, sync->resolution, sync->model, &failure);
	bool news = strcmp(sync->history.branches_error.text, failure.text) != 0;
	sync->history.branches_error = failure;
	if (news && failure.code)
		log_text(LOG_LEVEL_ERROR, "branches-not-written", failure.text);
	else if (news)
		log_event(LOG_LEVEL_INFO, "branches-written-again", "file=%s",
		          sync->config->nft_sync.branches);
}

void sync_retry(struct sync *sync)
{
	if (sync->resolution && sync->history.branches_error.code)
		sync_tell(sync);
}

/* Flows whose permission went with this commit. */
static void cut_flows(struct sync *sync, const struct nft_report *report)
{
	const struct judge_rules rules = {.group = model_judge_group,
	                                  .prefix_list = model_judge_prefix_list,
	                                  .context = sync->model};
	const struct flows_facts facts = {
		.resolution = sync->resolution, .rules = &rules, .host = &sync->host};
	struct error failure = {0};
	uint64_t cut = 0;
	bool withdrawn =
		report->elements_deleted > 0 || sync->history.render.rule_sets_compiled > 0;
	if (sync->config->established_flows != FLOWS_CUT || !report->changed || !withdrawn)
		return;
	if (flows_cut(&facts, &cut, &failure) < 0)
		log_text(LOG_LEVEL_ERROR, "flows-not-cut", failure.text);
	sync->history.flows_cut += cut;
	if (cut > 0)
		log_event(LOG_LEVEL_INFO, "flows-cut", "count=%llu", (unsigned long long)cut);
}

static void note_failure(struct sync *sync, const struct error *failure)
{
	bool news = strcmp(sync->history.error.text, failure->text) != 0;
	sync->history.errors++;
	sync->history.error = *failure;
	if (news)
		log_text(LOG_LEVEL_ERROR, "not-in-force", failure->text);
}

int sync_apply(struct sync *sync, struct error *err)
{
	struct error failure = {0};
	struct timespec start;
	struct nft_report report;
	clock_gettime(CLOCK_MONOTONIC, &start);
	int r = sync_draw(sync, &failure);
	if (r == 0) {
		note_problems(sync);
		r = nft_apply(sync->nft, sync->drawn, &report, &failure);
	}
	if (r < 0) {
		note_failure(sync, &failure);
		return error_set(err, r, "%s", failure.text);
	}
	image_free(sync->image);
	sync->image = sync->drawn;
	sync->drawn = NULL;
	sync->in_force = true;
	if (sync->history.error.code)
		log_event(LOG_LEVEL_INFO, "in-force-again", "errors=%llu",
		          (unsigned long long)sync->history.errors);
	sync->history.error = (struct error){0};
	note_commit(sync, &report, &start);
	cut_flows(sync, &report);
	return 0;
}
