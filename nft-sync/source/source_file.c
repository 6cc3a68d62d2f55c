/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "nft-sync/source/document_copy.h"
#include "nft-sync/source/source_file.h"

#define SETTLING_SECONDS 2

static bool is_settling(const struct file_identity *identity)
{
	time_t age = time(NULL) - identity->modified.tv_sec;

	return age >= 0 && age < SETTLING_SECONDS;
}

static void set_state(struct tracked_file *file, enum source_file_state state, const char *error)
{
	if (file->state == state && strcmp(file->error, error) == 0)
		return;
	file->state = state;
	file->news = true;
	(void)snprintf(file->error, sizeof(file->error), "%s", error);
}

static size_t count_objects(const struct document *document)
{
	return document->group_count + document->interface_count + document->prefix_list_count +
	       document->pod_count + document->service_account_count + document->policy_count +
	       document->node_count + document->cninode_count + document->attachment_count;
}

static int put(struct tracked_file *file, struct model *model, struct document *document,
               const struct timespec *modified, struct error *err)
{
	size_t objects = count_objects(document);
	size_t warnings = document->warning_count;
	int ret = model_put(model, document, err);

	if (ret < 0)
		return ret;
	file->in_force = true;
	file->objects = objects;
	file->warnings = warnings;
	file->loaded = modified->tv_sec;
	return 0;
}

/* A restart lost what was in force: only the copy knows it. */
static void fall_back(struct tracked_file *file, struct model *model, const char *why,
                      bool *changed)
{
	struct document *document = NULL;
	struct timespec modified = {0};

	if (file->in_force) {
		set_state(file,
		          file->state == SOURCE_FILE_COPY ? SOURCE_FILE_COPY : SOURCE_FILE_EARLIER,
		          why);
		return;
	}
	if (file->state_directory[0] != '\0' &&
	    document_copy_load(file->state_directory, file->name, file->path, &document, &modified,
	                       NULL) == 0 &&
	    put(file, model, document, &modified, NULL) == 0) {
		*changed = true;
		set_state(file, SOURCE_FILE_COPY, why);
		return;
	}
	set_state(file, SOURCE_FILE_BROKEN, why);
}

static int load_text(struct tracked_file *file, struct model *model, const char *text,
                     size_t length, struct error *err)
{
	const struct file_reader *reader = file->reader;
	struct document *document = NULL;
	int ret = reader->kind->parse(reader->context, file->path, text, length, &document, err);

	if (ret < 0)
		return ret;
	return put(file, model, document, &file->identity.modified, err);
}

int tracked_file_load(struct tracked_file *file, struct model *model, bool *changed)
{
	struct error err = {0};
	char *text = NULL;
	size_t length = 0;
	int ret = file_identity_of(file->path, &file->identity);

	if (ret == -ENOENT)
		return ret;
	ret = file_read(file->path, file->reader->kind->size_max, &text, &length, &err);
	if (ret == -ENOENT)
		return ret;
	if (ret == 0)
		ret = load_text(file, model, text, length, &err);
	if (ret == 0) {
		*changed = true;
		set_state(file, SOURCE_FILE_GOOD, "");
		file->copy_due = file->state_directory[0] != '\0';
	} else {
		fall_back(file, model, err.text, changed);
	}
	free(text);
	return 0;
}

static int copy_text(struct tracked_file *file, struct error *err)
{
	struct file_identity identity = {0};
	char *text = NULL;
	size_t length = 0;
	int ret = file_read(file->path, file->reader->kind->size_max, &text, &length, err);

	/* Another version by now: it is news, and will be due when it has been loaded. */
	if (file_identity_of(file->path, &identity) < 0 ||
	    !file_identity_equal(&identity, &file->identity))
		ret = -ESTALE;
	if (ret == 0)
		ret = document_copy_keep(file->state_directory, file->name, text, length,
		                         &file->identity.modified, err);
	free(text);
	return ret;
}

void tracked_file_keep_copy(struct tracked_file *file)
{
	struct error err = {0};

	if (!file->copy_due)
		return;
	int ret = copy_text(file, &err);

	file->copy_due = ret < 0 && ret != -ESTALE;
	if (ret == -ESTALE || strcmp(file->copy_error, err.text) == 0)
		return;
	(void)snprintf(file->copy_error, sizeof(file->copy_error), "%s", err.text);
	file->news = true;
}

int tracked_file_look(struct tracked_file *file, struct model *model, bool patient, bool *changed)
{
	struct file_identity identity = {0};
	int ret = file_identity_of(file->path, &identity);

	if (ret == -ENOENT)
		return ret;
	if (ret == 0 && (file_identity_equal(&identity, &file->identity) ||
	                 (patient && is_settling(&identity))))
		return 0;
	return tracked_file_load(file, model, changed);
}

void tracked_file_miss(struct tracked_file *file, struct model *model, const char *why,
                       bool *changed)
{
	/* When the directory is back, every file in it is news. */
	file->identity = (struct file_identity){0};
	fall_back(file, model, why, changed);
}

int tracked_file_remove(struct tracked_file *file, struct model *model, bool *changed)
{
	int ret = file->in_force ? model_remove(model, file->path, NULL) : 0;

	if (ret < 0 && ret != -ENOENT)
		return ret;
	*changed = *changed || file->in_force;
	if (file->state_directory[0] != '\0')
		document_copy_drop(file->state_directory, file->name);
	return 0;
}

void tracked_file_show(const struct tracked_file *file, struct source_file *ret)
{
	*ret = (struct source_file){.name = file->name,
	                            .path = file->path,
	                            .state = file->state,
	                            .error = file->error,
	                            .copy_error = file->copy_error,
	                            .loaded = file->loaded,
	                            .objects = file->objects,
	                            .warnings = file->warnings,
	                            .news = file->news};
}

struct tracked_file *tracked_file_new(const struct file_reader *reader, const char *directory,
                                      const char *state_directory, const char *name)
{
	struct tracked_file *file = calloc(1, sizeof(*file));

	if (file == NULL)
		return NULL;
	file->reader = reader;
	file->state = SOURCE_FILE_BROKEN;
	file->state_directory = state_directory;
	file->name = strdup(name);
	if (file->name == NULL || asprintf(&file->path, "%s/%s", directory, name) < 0) {
		file->path = NULL;
		tracked_file_free(file);
		return NULL;
	}
	return file;
}

void tracked_file_free(struct tracked_file *file)
{
	if (file == NULL)
		return;
	free(file->name);
	free(file->path);
	free(file);
}
