/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/json.h"
#include "dnscache/corefile/values.h"

#define KUBE_DNS_DIRECTORY "/etc/kube-dns"
#define KUBE_DNS_SERVICE "kube-dns"
#define RESOLV_CONF "/etc/resolv.conf"
#define DOMAIN "cluster.local"
#define COREFILE PODSG_SYSCONFDIR "/podsg/Corefile"
#define BASE_COREFILE "/etc/coredns/Corefile.base" /* node-cache's, in its image */
#define LISTEN_MAX 64
#define MEMORY_MAX (4U << 20)
#define FILE_SIZE_MAX (1U << 20)
#define TEXT_MAX (64U << 10)

static int no_memory(struct error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

static int keep(struct arena *arena, struct buffer *buffer, const char **ret, struct error *err)
{
	*ret = buffer->failed
	               ? NULL
	               : arena_strndup(arena, buffer->text ? buffer->text : "", buffer->length);
	buffer_done(buffer);
	return *ret ? 0 : no_memory(err);
}

static int join_addresses(const struct prefix *list, size_t count, struct arena *arena,
                          const char **ret, struct error *err)
{
	struct buffer buffer = {.max = TEXT_MAX};
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < count; i++)
		buffer_add_format(&buffer, "%s%s", i > 0 ? " " : "", prefix_text(&list[i], text));
	return keep(arena, &buffer, ret, err);
}

static bool has(const struct prefix *list, size_t count, const struct prefix *address)
{
	for (size_t i = 0; i < count; i++) {
		if (prefix_equal(&list[i], address))
			return true;
	}
	return false;
}

static int copy_addresses(const struct prefix *from, size_t from_count, struct arena *arena,
                          struct prefix **ret, size_t *ret_count, struct error *err)
{
	struct prefix *list = arena_array(arena, from_count, sizeof(*list));

	if (!list)
		return no_memory(err);
	*ret_count = 0;
	for (size_t i = 0; i < from_count; i++) {
		if (!has(list, *ret_count, &from[i]))
			list[(*ret_count)++] = from[i];
	}
	*ret = list;
	return 0;
}

/* "169.254.20.10,10.96.0.10": addresses, as the command line's reader has seen to. */
static size_t split_addresses(const char *text, struct prefix list[static LISTEN_MAX])
{
	size_t count = 0;

	while (*text != '\0' && count < LISTEN_MAX) {
		size_t length = strcspn(text, ",");
		char address[64];

		(void)snprintf(address, sizeof(address), "%.*s", (int)length, text);
		if (address_parse(address, &list[count]) == 0)
			count++;
		text += length + (text[length] == ',' ? 1 : 0);
	}
	return count;
}

static int find_listen(const struct dnscache_options *options, const struct config *config,
                       struct dnscache_values *values, struct error *err)
{
	struct prefix given[LISTEN_MAX];
	const struct prefix *list = config->dns.listen;
	size_t count = config->dns.listen_count;
	int r;

	if (options->local_ip) {
		list = given;
		count = split_addresses(options->local_ip, given);
	}
	r = copy_addresses(list, count, values->arena, &values->listen, &values->listen_count, err);
	if (r == 0)
		r = join_addresses(values->listen, values->listen_count, values->arena,
		                   &values->corefile.local_dns, err);
	return r;
}

/* "kube-dns-upstream" is in KUBE_DNS_UPSTREAM_SERVICE_HOST. */
static bool find_service(const char *service, struct prefix *ret)
{
	char name[300];
	const char *value;
	int length = snprintf(name, sizeof(name), "%s_SERVICE_HOST", service);

	if (length >= (int)sizeof(name))
		return false;
	for (char *at = name; *at != '\0'; at++) {
		if (*at == '-')
			*at = '_';
		else
			*at = (char)toupper((unsigned char)*at);
	}
	value = getenv(name);
	return value && address_parse(value, ret) == 0;
}

/* An address that is listened on is no server: it would be asked for ever. */
static int find_cluster(const struct dnscache_options *options, const struct config *config,
                        struct dnscache_values *values, struct error *err)
{
	const char *service =
		options->upstream_service ? options->upstream_service : KUBE_DNS_SERVICE;
	const struct prefix *list = config->dns.cluster_servers;
	size_t count = config->dns.cluster_server_count;
	struct prefix address;
	int r;

	if (count == 0 && find_service(service, &address) &&
	    !has(values->listen, values->listen_count, &address)) {
		list = &address;
		count = 1;
	}
	r = copy_addresses(list, count, values->arena, &values->cluster_servers,
	                   &values->cluster_server_count, err);
	if (r == 0)
		r = join_addresses(values->cluster_servers, values->cluster_server_count,
		                   values->arena, &values->corefile.cluster_dns, err);
	return r;
}

/* *ret is "" where the directory has no such file. */
static int read_key(const char *directory, const char *key, struct arena *arena, const char **ret,
                    struct error *err)
{
	char path[PATH_MAX];
	char *text;
	size_t length;
	struct error why = {0};
	int r;

	*ret = "";
	if (snprintf(path, sizeof(path), "%s/%s", directory, key) >= (int)sizeof(path))
		return error_set(err, -ENAMETOOLONG, "%s: the path is too long", directory);
	r = file_read(path, FILE_SIZE_MAX, &text, &length, &why);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return error_set(err, r, "%s", why.text);
	*ret = arena_strndup(arena, text, length);
	free(text);
	return *ret ? 0 : no_memory(err);
}

/* A list of addresses, with blanks between. */
static int join_servers(const char *name, const cJSON *list, struct arena *arena, const char **ret,
                        struct error *err)
{
	const struct error_place place = {.file = name};
	struct buffer buffer = {.max = TEXT_MAX};
	const cJSON *server;

	cJSON_ArrayForEach (server, list) {
		const char *text = cJSON_IsString(server) ? server->valuestring : "";

		if (text[0] == '\0' || text[strspn(text, "0123456789abcdefABCDEF.:[]")] != '\0') {
			buffer_done(&buffer);
			return error_at(err, -EINVAL, &place, text,
			                "expected an address, or ADDRESS:PORT");
		}
		buffer_add_format(&buffer, "%s%s", buffer.length > 0 ? " " : "", text);
	}
	return keep(arena, &buffer, ret, err);
}

static int parse_servers(const char *name, const char *json, struct arena *arena, const char **ret,
                         struct error *err)
{
	const struct error_place place = {.file = name};
	struct json_cursor cursor;
	struct json_slice slice;
	cJSON *tree;
	int r;

	json_open(&cursor, name, json, strlen(json));
	r = json_skip(&cursor, &slice, err);
	if (r == 0)
		r = json_finish(&cursor, err);
	if (r < 0)
		return r;
	tree = json_tree(&slice);
	if (cJSON_IsArray(tree))
		r = join_servers(name, tree, arena, ret, err);
	else
		r = error_at(err, -EINVAL, &place, NULL, "expected a list of addresses");
	cJSON_Delete(tree);
	return r;
}

static int read_kube_dns(const struct dnscache_options *options, struct dnscache_values *values,
                         struct error *err)
{
	struct corefile_values *corefile = &values->corefile;
	const char *directory = options->kube_dns_config;
	const char *servers = "";
	int r;

	if (directory[0] == '\0')
		directory = access(KUBE_DNS_DIRECTORY, F_OK) == 0 ? KUBE_DNS_DIRECTORY : NULL;
	if (!directory)
		return 0;
	corefile->directory = directory;
	r = read_key(directory, "stubDomains", values->arena, &corefile->stub_domains, err);
	if (r == 0)
		r = read_key(directory, "upstreamNameservers", values->arena, &servers, err);
	if (r < 0 || servers[0] == '\0')
		return r;
	r = parse_servers("upstreamNameservers", servers, values->arena, &servers, err);
	if (r == 0 && servers[0] != '\0') {
		corefile->upstream_servers = servers;
		corefile->upstream_servers_udp = true;
	}
	return r;
}

static bool is_there(const char *path)
{
	return path && access(path, F_OK) == 0;
}

/* -conf is what node-cache writes from its template, so that there it is not there at first. */
static const char *find_path(const struct dnscache_options *options, const struct config *config)
{
	if (is_there(options->base_corefile))
		return options->base_corefile;
	if (options->corefile && !is_there(options->corefile) && is_there(BASE_COREFILE))
		return BASE_COREFILE;
	if (options->corefile)
		return options->corefile;
	if (strcmp(config->dns.corefile, COREFILE) == 0 && !is_there(COREFILE))
		return NULL;
	return config->dns.corefile;
}

static int copy_path(struct dnscache_values *values, const char *path, struct error *err)
{
	values->path = path ? arena_strdup(values->arena, path) : NULL;
	return path && !values->path ? no_memory(err) : 0;
}

static int read_all(const struct dnscache_options *options, const struct config *config,
                    struct dnscache_values *values, struct error *err)
{
	int r = find_listen(options, config, values, err);

	values->corefile.upstream_servers = RESOLV_CONF;
	values->corefile.domain = DOMAIN;
	values->corefile.port = options->port;
	values->metrics_address =
		arena_strdup(values->arena, options->metrics_address ? options->metrics_address
	                                                             : config->dns.metrics);
	if (r == 0 && !values->metrics_address)
		r = no_memory(err);
	if (r == 0)
		r = find_cluster(options, config, values, err);
	if (r == 0)
		r = read_kube_dns(options, values, err);
	return r < 0 ? r : copy_path(values, find_path(options, config), err);
}

int dnscache_values_read(const struct dnscache_options *options, const struct config *config,
                         struct dnscache_values *ret, struct error *err)
{
	struct dnscache_values values = {.arena = arena_new(MEMORY_MAX)};
	int r;

	if (!values.arena)
		return no_memory(err);
	r = read_all(options, config, &values, err);
	if (r < 0) {
		arena_free(values.arena);
		return r;
	}
	*ret = values;
	return 0;
}

int dnscache_values_corefile(const struct dnscache_values *values, struct corefile **ret,
                             struct error *err)
{
	const char *text =
		values->cluster_server_count > 0 ? corefile_default : corefile_default_alone;

	if (values->path)
		return corefile_load(values->path, &values->corefile, ret, err);
	return corefile_parse("default Corefile", "/etc", text, strlen(text), &values->corefile,
	                      ret, err);
}

void dnscache_values_free(struct dnscache_values *values)
{
	arena_free(values->arena);
	*values = (struct dnscache_values){0};
}
