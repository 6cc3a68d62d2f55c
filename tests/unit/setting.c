/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/setting.h"

#define TEXT_SIZE 4096

void setting_configure(struct setting *setting, const char *config)
{
	struct error err = {0};
	struct config *fresh = NULL;

	if (config_parse("podsg.yaml", config, strlen(config), &fresh, &err) < 0)
		fail_msg("%s", err.text);
	/* The resolution that stands still points to it, but as `previous` only. */
	config_free(setting->config);
	setting->config = fresh;
}

void setting_open(struct setting *setting, const char *config)
{
	*setting = (struct setting){0};
	setting->model = model_new();
	assert_non_null(setting->model);
	setting_configure(setting, config);
}

void setting_close(struct setting *setting)
{
	resolution_free(setting->resolution);
	model_free(setting->model);
	config_free(setting->config);
	host_done(&setting->host);
}

void setting_put(struct setting *setting, const char *name, const char *yaml)
{
	struct document *document = NULL;
	struct error err = {0};

	if (document_parse(name, DOCUMENT_YAML, yaml, strlen(yaml), &document, &err) < 0)
		fail_msg("%s", err.text);
	if (document->warning_count > 0)
		fail_msg("%s", document->warnings[0]);
	assert_int_equal(model_put(setting->model, document, &err), 0);
}

/* As the journal's source does it, under SANDBOX:IFNAME. */
void setting_attach(struct setting *setting, const struct attachment *attachment)
{
	char name[JOURNAL_SANDBOX_MAX + 32];

	(void)snprintf(name, sizeof(name), "%s:%s", attachment->sandbox, attachment->ifname);

	struct document *document = document_new(name);

	assert_non_null(document);
	document->attachments = arena_alloc(document->arena, sizeof(*attachment));
	assert_non_null(document->attachments);
	document->attachments[0] = *attachment;
	document->attachment_count = 1;
	assert_int_equal(model_put(setting->model, document, NULL), 0);
}

void setting_remove(struct setting *setting, const char *name)
{
	assert_int_equal(model_remove(setting->model, name, NULL), 0);
}

static int link_compare(const void *a, const void *b)
{
	const struct host_link *left = a;
	const struct host_link *right = b;

	return strcmp(left->name, right->name);
}

void setting_links(struct setting *setting, const char *names)
{
	struct host *host = &setting->host;
	char *copy = strdup(names);
	char *rest = copy;

	assert_non_null(copy);
	free(host->links);
	host->links = calloc(strlen(names) + 1, sizeof(*host->links));
	assert_non_null(host->links);
	host->link_count = 0;
	host->renamed = strchr(names, ':') != NULL;
	for (char *name; (name = strsep(&rest, " ")) != NULL;) {
		struct host_link *link = &host->links[host->link_count];

		if (name[0] == '\0')
			continue;

		const char *now = strsep(&name, ":");

		link->index = (unsigned)++host->link_count;
		(void)snprintf(link->name, sizeof(link->name), "%s", now);
		(void)snprintf(link->first_name, sizeof(link->first_name), "%s",
		               name != NULL ? name : now);
	}
	qsort(host->links, host->link_count, sizeof(*host->links), link_compare);
	free(copy);
}

void setting_resolve(struct setting *setting)
{
	struct resolution *fresh = NULL;
	struct error err = {0};

	if (resolve(setting->model, setting->config, &setting->host, setting->resolution, &fresh,
	            &err) < 0)
		fail_msg("%s", err.text);
	resolution_free(setting->resolution);
	setting->resolution = fresh;
}

const struct branch *setting_branch(const struct setting *setting, const char *pod)
{
	char name[TEXT_SIZE];

	for (size_t i = 0; i < setting->resolution->branch_count; i++) {
		const struct branch *branch = &setting->resolution->branches[i];

		(void)snprintf(name, sizeof(name), "%s/%s", branch->namespace, branch->pod);
		if (strcmp(name, pod) == 0)
			return branch;
	}
	return NULL;
}

static void append(char *text, const char *word)
{
	size_t used = strlen(text);

	(void)snprintf(text + used, TEXT_SIZE - used, "%s%s", used > 0 ? " " : "", word);
}

const char *setting_groups(const struct branch *branch)
{
	static char text[TEXT_SIZE];

	text[0] = '\0';
	for (size_t i = 0; i < branch->group_count; i++)
		append(text, branch->groups[i]);
	return text;
}

const char *setting_members(const struct setting *setting, const char *group)
{
	static char text[TEXT_SIZE];
	const struct member_set *set = resolution_members(setting->resolution, group);
	char address[PREFIX_TEXT_MAX];

	if (set == NULL)
		return "(not referred to)";
	text[0] = '\0';
	for (size_t i = 0; i < set->count; i++)
		append(text, prefix_text(&set->prefixes[i], address));
	return text;
}

bool setting_says(const struct setting *setting, const char *part)
{
	for (size_t i = 0; i < setting->resolution->problem_count; i++)
		if (strstr(setting->resolution->problems[i], part) != NULL)
			return true;
	return false;
}

struct prefix prefix_of(const char *text)
{
	struct prefix prefix = {0};

	if (prefix_parse(text, &prefix, NULL) < 0)
		fail_msg("no prefix: %s", text);
	return prefix;
}
