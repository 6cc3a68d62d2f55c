/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "nft-sync/source/directory_watch.h"
#include "nft-sync/source/source_file.h"
#include "nft-sync/source/source_files.h"

struct source_files {
	struct file_reader reader;
	char *directory;
	char *state_directory; /* "" = none */
	struct directory_watch watch;
	bool rescan;
	bool scanned;  /* once at least */
	time_t looked; /* when all files were looked at last; CLOCK_MONOTONIC */
	char problem[512];
	struct tracked_file **files; /* by name */
	size_t file_count;
	size_t copied;            /* of them were asked for a copy in this round */
	struct source_file *list; /* what source_files_list() shows */
};

static bool is_document_name(const char *name)
{
	enum document_format format;

	return name[0] != '.' && document_format_of(name, &format) == 0;
}

static size_t position(const struct source_files *source, const char *name)
{
	size_t low = 0;
	size_t high = source->file_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(source->files[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The record of a file, made where there is none; NULL and a problem if that cannot be. */
static struct tracked_file *track(struct source_files *source, const char *name)
{
	size_t at = position(source, name);
	struct tracked_file *file;

	if (at < source->file_count && strcmp(source->files[at]->name, name) == 0)
		return source->files[at];
	if (source->file_count == source->reader.kind->files_max) {
		(void)snprintf(source->problem, sizeof(source->problem),
		               "%s: more than %zu documents: the others are ignored",
		               source->directory, source->file_count);
		return NULL;
	}
	file = tracked_file_new(&source->reader, source->directory, source->state_directory, name);
	if (file == NULL) {
		(void)snprintf(source->problem, sizeof(source->problem), "%s: out of memory",
		               source->directory);
		return NULL;
	}
	memmove(&source->files[at + 1], &source->files[at],
	        (source->file_count - at) * sizeof(struct tracked_file *));
	source->files[at] = file;
	source->file_count++;
	return file;
}

static int scan(struct source_files *source, const char *directory)
{
	DIR *stream = opendir(directory);
	const struct dirent *item;

	if (stream == NULL)
		return -errno;
	/* cppcheck-suppress readdirCalled ; the stream is nobody else's */
	while ((item = readdir(stream)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
		struct tracked_file *file =
			is_document_name(item->d_name) ? track(source, item->d_name) : NULL;

		if (file != NULL)
			file->listed = true;
	}
	(void)closedir(stream);
	return 0;
}

/* A file that just appeared is being written, and its end will be announced; a link is not. */
static bool is_complete(const struct source_files *source, const char *name)
{
	char path[PATH_MAX];
	struct stat status;
	int length = snprintf(path, sizeof(path), "%s/%s", source->directory, name);

	if (length < 0 || (size_t)length >= sizeof(path) || lstat(path, &status) < 0)
		return false;
	return S_ISLNK(status.st_mode) || status.st_nlink > 1;
}

static void take_event(void *context, const struct inotify_event *event)
{
	struct source_files *source = context;
	struct tracked_file *file;

	/* "..data" is what a projected volume renames to change all its files at once. */
	if ((event->mask & IN_Q_OVERFLOW) != 0 || event->len == 0 ||
	    strncmp(event->name, "..", 2) == 0) {
		source->rescan = true;
		return;
	}
	if (!is_document_name(event->name)) {
		source->rescan = source->rescan || is_complete(source, event->name);
		return;
	}
	if ((event->mask & IN_CREATE) != 0 && !is_complete(source, event->name))
		return;
	file = track(source, event->name);
	if (file != NULL)
		file->touched = true;
}

static void say_absent(struct source_files *source, int code)
{
	if (code != -ENOENT || !source->reader.kind->optional || source->file_count > 0)
		(void)snprintf(source->problem, sizeof(source->problem), "%s: %s",
		               source->directory, strerror(-code));
}

static int watch_directory(struct source_files *source)
{
	int ret = directory_watch_ensure(&source->watch);

	if (ret < 0)
		say_absent(source, ret);
	source->rescan = source->rescan || ret > 0;
	return ret;
}

/* No directory: the copies show what was there, and all that is known stays in force. */
static void read_absent(struct source_files *source, struct model *model, bool *changed)
{
	if (!source->scanned && source->state_directory[0] != '\0')
		(void)scan(source, source->state_directory);
	for (size_t i = 0; i < source->file_count; i++) {
		struct tracked_file *file = source->files[i];

		file->touched = false;
		file->listed = false;
		tracked_file_miss(file, model, source->problem, changed);
	}
	source->scanned = true;
}

static void drop(struct source_files *source, size_t at, struct model *model, bool *changed)
{
	if (tracked_file_remove(source->files[at], model, changed) < 0)
		return;
	tracked_file_free(source->files[at]);
	source->file_count--;
	memmove(&source->files[at], &source->files[at + 1],
	        (source->file_count - at) * sizeof(struct tracked_file *));
}

/* Backwards, because files that are gone leave the array. */
static void update_files(struct source_files *source, struct model *model, bool whole, bool patient,
                         bool *changed)
{
	for (size_t i = source->file_count; i-- > 0;) {
		struct tracked_file *file = source->files[i];
		bool gone = false;

		if (file->touched)
			gone = tracked_file_load(file, model, changed) == -ENOENT;
		else if (whole && !file->listed)
			gone = true;
		else if (whole)
			gone = tracked_file_look(file, model, patient, changed) == -ENOENT;
		file->touched = false;
		file->listed = false;
		if (gone)
			drop(source, i, model, changed);
	}
}

static int show(struct source_files *source)
{
	struct source_file *list =
		reallocarray(source->list, source->file_count + 1, sizeof(*list));

	if (list == NULL)
		return -ENOMEM;
	source->list = list;
	for (size_t i = 0; i < source->file_count; i++)
		tracked_file_show(source->files[i], &list[i]);
	return 0;
}

static time_t monotonic_seconds(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static int update(struct source_files *source, struct model *model, bool asked, bool *changed)
{
	time_t now = monotonic_seconds();
	bool whole;
	int ret;

	if (!asked)
		directory_watch_check(&source->watch);
	source->problem[0] = '\0';
	if (watch_directory(source) < 0) {
		read_absent(source, model, changed);
		return 0;
	}
	whole = source->rescan || !asked || now - source->looked >= SOURCE_FILES_PERIOD;
	ret = whole ? scan(source, source->directory) : 0;
	if (ret < 0) {
		(void)snprintf(source->problem, sizeof(source->problem), "%s: %s",
		               source->directory, strerror(-ret));
		return 0;
	}
	update_files(source, model, whole, !source->rescan && source->scanned, changed);
	source->rescan = false;
	source->scanned = true;
	if (whole)
		source->looked = now;
	return 0;
}

/* Returns whether anything was reported, or a negative errno. */
static int begin_reading(struct source_files *source, bool *changed, struct error *err)
{
	int asked;

	*changed = false;
	for (size_t i = 0; i < source->file_count; i++)
		source->files[i]->news = false;
	asked = directory_watch_read(&source->watch, take_event, source);
	return asked < 0 ? error_set(err, asked, "inotify: %s", strerror(-asked)) : asked;
}

static int read_all(struct source_files *source, struct model *model, bool asked, bool *changed,
                    struct error *err)
{
	int ret = update(source, model, asked, changed);

	if (ret == 0)
		ret = show(source);
	if (ret < 0)
		return error_set(err, ret, "%s: %s", source->directory, strerror(-ret));
	return 0;
}

int source_files_read(struct source_files *source, struct model *model, bool *changed,
                      struct error *err)
{
	int asked = begin_reading(source, changed, err);

	return asked < 0 ? asked : read_all(source, model, asked > 0, changed, err);
}

int source_files_read_reported(struct source_files *source, struct model *model, bool *changed,
                               struct error *err)
{
	int asked = begin_reading(source, changed, err);

	if (asked < 0 || (asked == 0 && source->watch.watch >= 0))
		return asked;
	return read_all(source, model, true, changed, err);
}

static int parse_document(const void *context, const char *path, const char *text, size_t length,
                          struct document **ret, struct error *err)
{
	enum document_format format;
	int code = document_format_of(path, &format);

	(void)context;
	if (code < 0)
		return code;
	return document_parse(path, format, text, length, ret, err);
}

int source_files_open(const char *directory, const char *state_directory, struct source_files **ret,
                      struct error *err)
{
	static const struct source_files_kind documents = {.files_max = SOURCE_FILES_MAX,
	                                                   .size_max = DOCUMENT_SIZE_MAX,
	                                                   .parse = parse_document};

	return source_files_open_kind(&documents, NULL, directory, state_directory, ret, err);
}

int source_files_open_kind(const struct source_files_kind *kind, const void *context,
                           const char *directory, const char *state_directory,
                           struct source_files **ret, struct error *err)
{
	struct source_files *source = calloc(1, sizeof(*source));
	int code = -ENOMEM;

	if (source == NULL)
		return error_set(err, -ENOMEM, "%s: out of memory", directory);
	source->reader = (struct file_reader){kind, context};
	source->watch.inotify = -1;
	source->directory = strdup(directory);
	source->state_directory = strdup(state_directory);
	source->files = calloc(kind->files_max, sizeof(struct tracked_file *));
	if (source->directory == NULL || source->state_directory == NULL || source->files == NULL)
		goto fail;
	code = directory_watch_open(&source->watch, source->directory);
	if (code < 0)
		goto fail;
	/* Where it cannot be made, each copy that fails says so. */
	if (state_directory[0] != '\0')
		(void)mkdir(state_directory, 0700);
	*ret = source;
	return 0;
fail:
	source_files_close(source);
	return error_set(err, code, "%s: cannot be watched: %s", directory, strerror(-code));
}

void source_files_close(struct source_files *source)
{
	if (source == NULL)
		return;
	for (size_t i = 0; i < source->file_count; i++)
		tracked_file_free(source->files[i]);
	free(source->files);
	free(source->list);
	free(source->directory);
	free(source->state_directory);
	directory_watch_close(&source->watch);
	free(source);
}

int source_files_fd(const struct source_files *source)
{
	return source->watch.inotify;
}

/* The next file of the round that has a copy due; file_count: none. */
static size_t next_due(const struct source_files *source)
{
	size_t next = source->copied;

	while (next < source->file_count && !source->files[next]->copy_due)
		next++;
	return next;
}

bool source_files_keep_copy(struct source_files *source)
{
	size_t next = next_due(source);

	for (size_t i = 0; i < source->file_count; i++)
		source->files[i]->news = false;
	if (next < source->file_count)
		tracked_file_keep_copy(source->files[next]);
	(void)show(source);
	source->copied = next + 1;
	if (next_due(source) < source->file_count)
		return true;
	source->copied = 0;
	return false;
}

const struct source_file *source_files_list(const struct source_files *source, size_t *count)
{
	*count = source->list != NULL ? source->file_count : 0;
	return source->list;
}

const char *source_files_problem(const struct source_files *source)
{
	return source->problem;
}

const char *source_file_state_name(enum source_file_state state)
{
	static const char *const names[] = {
		[SOURCE_FILE_GOOD] = "good",
		[SOURCE_FILE_EARLIER] = "broken or away, an earlier version is in force",
		[SOURCE_FILE_COPY] = "broken or away, the copy of an earlier version is in force",
		[SOURCE_FILE_BROKEN] = "broken, nothing of it is in force",
	};

	return names[state];
}
