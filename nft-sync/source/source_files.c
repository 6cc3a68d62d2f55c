/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "nft-sync/source/source_file.h"
#include "nft-sync/source/source_files.h"

#define WATCHED                                                                                    \
	(IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF |   \
	 IN_MOVE_SELF)
#define EVENTS_SIZE 16384

struct source_files {
	char *directory;
	char *state_directory; /* "" = none */
	int inotify;
	int watch; /* -1: the directory is not there */
	struct file_identity directory_identity;
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
	if (source->file_count == SOURCE_FILES_MAX) {
		(void)snprintf(source->problem, sizeof(source->problem),
		               "%s: more than %d documents: the others are ignored",
		               source->directory, SOURCE_FILES_MAX);
		return NULL;
	}
	file = tracked_file_new(source->directory, source->state_directory, name);
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

static void take_event(struct source_files *source, const struct inotify_event *event)
{
	struct tracked_file *file;

	/* An event of a directory that was watched before this one. */
	if (event->wd != source->watch && (event->mask & IN_Q_OVERFLOW) == 0)
		return;
	if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0) {
		if ((event->mask & IN_IGNORED) == 0)
			(void)inotify_rm_watch(source->inotify, source->watch);
		source->watch = -1;
		return;
	}
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

/* Returns whether anything was reported, or a negative errno. */
static int take_events(struct source_files *source)
{
	alignas(struct inotify_event) char buffer[EVENTS_SIZE];
	int any = 0;

	for (;;) {
		ssize_t size = read(source->inotify, buffer, sizeof(buffer));

		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return size == 0 || errno == EAGAIN ? any : -errno;
		any = 1;
		for (size_t at = 0; at < (size_t)size;) {
			const void *start = buffer + at;
			const struct inotify_event *event = start;

			take_event(source, event);
			at += sizeof(*event) + event->len;
		}
	}
}

/* The path may lead elsewhere now: a symbolic link was turned, another directory was moved in. */
static void check_directory(struct source_files *source)
{
	struct file_identity identity;

	if (source->watch < 0 || (file_identity_of(source->directory, &identity) == 0 &&
	                          identity.device == source->directory_identity.device &&
	                          identity.inode == source->directory_identity.inode))
		return;
	(void)inotify_rm_watch(source->inotify, source->watch);
	source->watch = -1;
}

static int watch_directory(struct source_files *source)
{
	int code;

	if (source->watch >= 0)
		return 0;
	source->watch = inotify_add_watch(source->inotify, source->directory, WATCHED | IN_ONLYDIR);
	if (source->watch < 0) {
		code = -errno;
		(void)snprintf(source->problem, sizeof(source->problem), "%s: %s",
		               source->directory, strerror(-code));
		return code;
	}
	if (file_identity_of(source->directory, &source->directory_identity) < 0)
		source->directory_identity = (struct file_identity){0};
	source->rescan = true;
	return 0;
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
		check_directory(source);
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

int source_files_read(struct source_files *source, struct model *model, bool *changed,
                      struct error *err)
{
	int asked;
	int ret;

	*changed = false;
	for (size_t i = 0; i < source->file_count; i++)
		source->files[i]->news = false;
	asked = take_events(source);
	if (asked < 0)
		return error_set(err, asked, "inotify: %s", strerror(-asked));
	ret = update(source, model, asked > 0, changed);
	if (ret == 0)
		ret = show(source);
	if (ret < 0)
		return error_set(err, ret, "%s: %s", source->directory, strerror(-ret));
	return 0;
}

int source_files_open(const char *directory, const char *state_directory, struct source_files **ret,
                      struct error *err)
{
	struct source_files *source = calloc(1, sizeof(*source));
	int code = -ENOMEM;

	if (source == NULL)
		return error_set(err, -ENOMEM, "%s: out of memory", directory);
	source->watch = -1;
	source->inotify = -1;
	source->directory = strdup(directory);
	source->state_directory = strdup(state_directory);
	source->files = calloc(SOURCE_FILES_MAX, sizeof(struct tracked_file *));
	if (source->directory == NULL || source->state_directory == NULL || source->files == NULL)
		goto fail;
	source->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (source->inotify < 0) {
		code = -errno;
		goto fail;
	}
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
	if (source->inotify >= 0)
		(void)close(source->inotify);
	free(source);
}

int source_files_fd(const struct source_files *source)
{
	return source->inotify;
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
