/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The EC2 source alone, for tests: ec2_source CONFIG.
 * Prints a line of JSON whenever what it knows is something else than before. Reads commands, one a
 * line: "want GROUPS MEMBERS LISTS" (ids with commas between them, or "-"), "commit" (what follows
 * from that is in force), "file PATH" (prints what a document of the file source holds), "close"
 * (ends it). Its log is on standard error.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "nft-sync/source/source_ec2.h"
#include "tests/live/driver.h"

#define IDS_MAX 1024

static cJSON *status_of(const struct source_status *status)
{
	cJSON *tree = cJSON_CreateObject();
	cJSON_AddBoolToObject(tree, "synced", status->synced);
	cJSON_AddBoolToObject(tree, "current", status->current);
	cJSON_AddBoolToObject(tree, "absent", status->absent);
	cJSON_AddBoolToObject(tree, "fresh", status->fresh > 0);
	cJSON_AddNumberToObject(tree, "objects", (double)status->objects);
	cJSON_AddNumberToObject(tree, "failures", (double)status->failures);
	cJSON_AddStringToObject(tree, "error", status->error);
	return tree;
}

static void add_prefixes(cJSON *array, const struct prefix *prefixes, size_t count)
{
	char text[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(prefix_text(&prefixes[i], text)));
}

static void add_names(cJSON *array, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(names[i]));
}

static void add_group(cJSON *objects, const struct security_group *group)
{
	cJSON *tree = cJSON_AddObjectToObject(objects, group->id);
	cJSON_AddStringToObject(tree, "name", group->name);
	cJSON_AddStringToObject(tree, "vpc", group->vpc_id);
	for (unsigned direction = 0; direction < DIRECTIONS; direction++) {
		cJSON *rules = cJSON_AddArrayToObject(tree, direction_name(direction));
		for (size_t i = 0; i < group->rule_count[direction]; i++) {
			const struct sg_rule *rule = &group->rules[direction][i];
			char text[RULE_TEXT_MAX];
			rule_text(rule, direction, text, sizeof(text));
			cJSON_AddItemToArray(rules, cJSON_CreateString(text));
			cJSON_AddItemToArray(rules, cJSON_CreateString(rule->description));
		}
	}
}

static void add_interface(cJSON *objects, const struct network_interface *interface)
{
	cJSON *tree = cJSON_AddObjectToObject(objects, interface->id);
	cJSON_AddBoolToObject(tree, "check", interface->source_dest_check);
	add_names(cJSON_AddArrayToObject(tree, "groups"), interface->groups,
	          interface->group_count);
	add_prefixes(cJSON_AddArrayToObject(tree, "addresses"), interface->addresses,
	             interface->address_count);
}

static void add_instance(cJSON *objects, const struct instance *instance)
{
	cJSON *tree = cJSON_AddObjectToObject(objects, "instance");
	cJSON_AddStringToObject(tree, "id", instance->id);
	cJSON_AddStringToObject(tree, "type", instance->type);
	cJSON_AddStringToObject(tree, "region", instance->region);
	cJSON_AddStringToObject(tree, "zone", instance->zone);
	add_names(cJSON_AddArrayToObject(tree, "groups"), instance->groups, instance->group_count);
	add_prefixes(cJSON_AddArrayToObject(tree, "addresses"), instance->addresses,
	             instance->address_count);
	add_prefixes(cJSON_AddArrayToObject(tree, "vpc"), instance->vpc_cidrs,
	             instance->vpc_cidr_count);
	add_prefixes(cJSON_AddArrayToObject(tree, "subnet"), instance->subnet_cidrs,
	             instance->subnet_cidr_count);
}

static void add_objects(cJSON *objects, const struct document *document)
{
	for (size_t i = 0; i < document->group_count; i++)
		add_group(objects, &document->groups[i]);
	for (size_t i = 0; i < document->interface_count; i++)
		add_interface(objects, &document->interfaces[i]);
	for (size_t i = 0; i < document->prefix_list_count; i++)
		add_prefixes(cJSON_AddArrayToObject(objects, document->prefix_lists[i].id),
		             document->prefix_lists[i].entries,
		             document->prefix_lists[i].entry_count);
	for (size_t i = 0; i < document->instance_count; i++)
		add_instance(objects, &document->instances[i]);
}

static cJSON *snapshot(const struct driver *driver)
{
	struct source_status statuses[SOURCE_STATUS_MAX];
	size_t count = source_ec2_kind.status(driver->context, statuses, SOURCE_STATUS_MAX);
	cJSON *tree = cJSON_CreateObject();
	cJSON *objects = cJSON_AddObjectToObject(tree, "objects");
	cJSON *status = cJSON_AddObjectToObject(tree, "status");
	cJSON_AddBoolToObject(tree, "synced", source_ec2_kind.synced(driver->context));
	cJSON_AddNumberToObject(tree, "changes", driver->changes);
	for (size_t i = 0; i < model_document_count(driver->model); i++)
		add_objects(objects, model_document(driver->model, i));
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToObject(status, statuses[i].what, status_of(&statuses[i]));
	return tree;
}

static char *print(cJSON *tree)
{
	char *text = cJSON_PrintUnformatted(tree);
	cJSON_Delete(tree);
	return text;
}

static void close_source(struct driver *driver)
{
	source_ec2_kind.close(driver->context);
}

static void split(char *text, struct wanted_ids *ret, char *room[static IDS_MAX])
{
	char *rest = NULL;
	*ret = (struct wanted_ids){.ids = room};
	for (char *id = strtok_r(text, ",", &rest); id && ret->count < IDS_MAX;
	     id = strtok_r(NULL, ",", &rest))
		if (strcmp(id, "-") != 0)
			room[ret->count++] = id;
}

static void want(struct driver *driver, char *words)
{
	char *rooms[3][IDS_MAX];
	struct wanted wanted;
	char *rest = NULL;
	char none[] = "-";
	char *groups = strtok_r(words, " ", &rest);
	char *members = strtok_r(NULL, " ", &rest);
	char *lists = strtok_r(NULL, " ", &rest);
	split(groups ? groups : none, &wanted.groups, rooms[0]);
	split(members ? members : none, &wanted.members, rooms[1]);
	split(lists ? lists : none, &wanted.prefix_lists, rooms[2]);
	source_ec2_kind.want(driver->context, &wanted);
}

static void show_file(const char *path)
{
	struct document *document;
	struct error failure = {0};
	cJSON *tree = cJSON_CreateObject();
	if (document_load(path, &document, &failure) == 0) {
		add_objects(cJSON_AddObjectToObject(tree, "file"), document);
		document_free(document);
	} else {
		cJSON_AddStringToObject(tree, "failure", failure.text);
	}
	char *text = print(tree);
	puts(text);
	fflush(stdout);
	cJSON_free(text);
}

static void obey(struct driver *driver, char *command)
{
	if (strncmp(command, "want ", 5) == 0)
		want(driver, command + 5);
	else if (strcmp(command, "commit") == 0)
		source_ec2_kind.committed(driver->context, NULL);
	else if (strncmp(command, "file ", 5) == 0)
		show_file(command + 5);
}

static int run(struct driver *driver, const char *path, struct error *err)
{
	int r = config_load(path, &driver->config, err);
	if (r < 0)
		return r;
	driver->model = model_new();
	uv_loop_init(&driver->loop);
	r = source_ec2_kind.open(&driver->loop, driver->config, driver->model, driver_changed,
	                         driver, &driver->context, err);
	if (r == 0)
		driver_start(driver);
	uv_run(&driver->loop, UV_RUN_DEFAULT);
	driver_done(driver);
	return r;
}

int main(int argc, char **argv)
{
	static struct driver driver = {.snapshot = snapshot, .obey = obey, .close = close_source};
	struct error failure = {0};
	if (argc != 2) {
		fprintf(stderr, "usage: ec2_source CONFIG\n");
		return 1;
	}
	if (run(&driver, argv[1], &failure) < 0) {
		fprintf(stderr, "%s\n", failure.text);
		return 1;
	}
	return 0;
}
