/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/loader.h"

/* What the text of a document may leave out. */
struct assumed {
	const char *api_version;
	const char *kind;
};

/* What the loaders read of an object; of anything else they read everything. */
static const struct json_pick picked_annotations[] = {
	{"kubernetes.io/config.hash", NULL}, {"vpc.amazonaws.com/pod-eni", NULL}, {0}};
static const struct json_pick picked_metadata[] = {
	{"annotations", picked_annotations},
	{"creationTimestamp", NULL},
	{"deletionGracePeriodSeconds", NULL},
	{"deletionTimestamp", NULL},
	{"labels", NULL},
	{"name", NULL},
	{"namespace", NULL},
	{"resourceVersion", NULL}, /* for who follows objects; no loader reads it */
	{"uid", NULL},
	{0},
};
static const struct json_pick picked_spec[] = {
	{"clusterIP", NULL},
	{"clusterIPs", NULL},
	{"features", NULL},
	{"hostNetwork", NULL},
	{"nodeName", NULL},
	{"podSelector", NULL},
	{"ports", NULL},
	{"securityGroups", NULL},
	{"serviceAccountName", NULL},
	{"serviceAccountSelector", NULL},
	{0},
};
static const struct json_pick picked_status[] = {
	{"addresses", NULL}, {"phase", NULL}, {"podIP", NULL}, {"podIPs", NULL}, {0},
};
const struct json_pick document_object[] = {
	{"apiVersion", NULL},
	{"kind", NULL},
	{"metadata", picked_metadata},
	{"spec", picked_spec},
	{"status", picked_status},
	{"PrefixListId", NULL},
	{"addressType", NULL},
	{"endpoints", NULL},
	{"ports", NULL},
	{0},
};
static const struct json_pick picked_interface[] = {
	{"Groups", NULL},
	{"Ipv4Prefixes", NULL},
	{"Ipv6Addresses", NULL},
	{"Ipv6Prefixes", NULL},
	{"NetworkInterfaceId", NULL},
	{"PrivateIpAddress", NULL},
	{"PrivateIpAddresses", NULL},
	{"SourceDestCheck", NULL},
	{0},
};

static const struct json_pick picked_lists[] = {
	{"SecurityGroups", NULL},   {"NetworkInterfaces", picked_interface},
	{"PrefixLists", NULL},      {"Entries", NULL},
	{"items", document_object}, {0},
};

static const struct loader_list lists[] = {
	{"SecurityGroups", load_security_group, NULL},
	{"NetworkInterfaces", load_network_interface, NULL},
	{"PrefixLists", load_prefix_list, NULL},
	{"Entries", load_prefix_list_entry, load_prefix_list_entries},
	{"items", load_kubernetes, NULL},
	{0},
};

static const struct loader_reading reading = {
	.picked_lists = picked_lists,
	.picked_object = document_object,
	.lists = lists,
	.kinds = kubernetes_kinds,
};

static void set_item_sizes(struct loader *loader)
{
	loader->groups.item_size = sizeof(struct security_group);
	loader->interfaces.item_size = sizeof(struct network_interface);
	loader->prefix_lists.item_size = sizeof(struct prefix_list);
	loader->pods.item_size = sizeof(struct pod);
	loader->service_accounts.item_size = sizeof(struct service_account);
	loader->policies.item_size = sizeof(struct security_group_policy);
	loader->nodes.item_size = sizeof(struct node);
	loader->cninodes.item_size = sizeof(struct cninode);
	loader->cluster_dns.item_size = sizeof(struct cluster_dns);
	loader->entries.item_size = sizeof(struct prefix);
	loader->rules.item_size = sizeof(struct sg_rule);
}

static void keep_kinds(struct loader *loader)
{
	struct document *document = loader->document;

	loader_keep(loader, &loader->groups, &document->groups, &document->group_count);
	loader_keep(loader, &loader->interfaces, &document->interfaces, &document->interface_count);
	loader_keep(loader, &loader->prefix_lists, &document->prefix_lists,
	            &document->prefix_list_count);
	loader_keep(loader, &loader->pods, &document->pods, &document->pod_count);
	loader_keep(loader, &loader->service_accounts, &document->service_accounts,
	            &document->service_account_count);
	loader_keep(loader, &loader->policies, &document->policies, &document->policy_count);
	loader_keep(loader, &loader->nodes, &document->nodes, &document->node_count);
	loader_keep(loader, &loader->cninodes, &document->cninodes, &document->cninode_count);
	loader_keep(loader, &loader->cluster_dns, &document->cluster_dns,
	            &document->cluster_dns_count);
}

static void free_kinds(struct loader *loader)
{
	struct vector *const vectors[] = {
		&loader->groups,  &loader->interfaces, &loader->prefix_lists,
		&loader->pods,    &loader->policies,   &loader->service_accounts,
		&loader->nodes,   &loader->cninodes,   &loader->cluster_dns,
		&loader->entries, &loader->rules,
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		vector_done(vectors[i]);
}

static bool ends_with(const char *text, const char *ending)
{
	size_t length = strlen(text);
	size_t ending_length = strlen(ending);

	return length >= ending_length && strcmp(text + length - ending_length, ending) == 0;
}

int document_format_of(const char *name, enum document_format *ret)
{
	if (ends_with(name, ".json"))
		*ret = DOCUMENT_JSON;
	else if (ends_with(name, ".yaml") || ends_with(name, ".yml"))
		*ret = DOCUMENT_YAML;
	else
		return -EINVAL;
	return 0;
}

static int parse(const char *name, const struct assumed *assumed, enum document_format format,
                 const char *text, size_t length, struct document **ret, struct error *err)
{
	struct loader loader;
	int result = loader_open(&loader, name, err);

	if (result < 0)
		return result;
	set_item_sizes(&loader);
	loader.api_version = assumed->api_version;
	loader.kind = assumed->kind;
	result = loader_read(&loader, &reading, format, text, length, err);
	if (result < 0)
		goto cleanup;
	keep_kinds(&loader);
	result = loader_finish(&loader, err);
	if (result < 0)
		goto cleanup;
	*ret = loader.document;
	loader.document = NULL;
cleanup:
	free_kinds(&loader);
	loader_close(&loader);
	return result;
}

int document_parse(const char *name, enum document_format format, const char *text, size_t length,
                   struct document **ret, struct error *err)
{
	return parse(name, &(struct assumed){0}, format, text, length, ret, err);
}

int document_parse_object(const char *name, const char *api_version, const char *kind,
                          const char *text, size_t length, struct document **ret, struct error *err)
{
	const struct assumed assumed = {api_version, kind};

	return parse(name, &assumed, DOCUMENT_JSON, text, length, ret, err);
}

int document_load(const char *path, struct document **ret, struct error *err)
{
	enum document_format format;
	char *text;
	size_t length;
	int result;

	result = document_format_of(path, &format);
	if (result < 0)
		return error_set(err, result, "%s: expected a name ending in .json, .yaml or .yml",
		                 path);
	result = file_read(path, DOCUMENT_SIZE_MAX, &text, &length, err);
	if (result < 0)
		return result;
	result = document_parse(path, format, text, length, ret, err);
	free(text);
	return result;
}

struct document *document_new(const char *name)
{
	struct arena *arena = arena_new(DOCUMENT_MEMORY_MAX);
	struct document *document = NULL;

	if (arena != NULL)
		document = arena_alloc(arena, sizeof(*document));
	if (document == NULL) {
		arena_free(arena);
		return NULL;
	}
	document->arena = arena;
	document->name = arena_strdup(arena, name);
	if (document->name != NULL)
		return document;
	arena_free(arena);
	return NULL;
}

void document_free(struct document *document)
{
	if (document != NULL)
		arena_free(document->arena);
}
