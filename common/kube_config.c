/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/kube_config_reader.h"
#include "common/yaml.h"

#define MEMORY_MAX (4U << 20)

/* The element of a list of {name: …, WHAT: {…}} that has the name. */
static struct kube_config_place named(struct kube_config_reader *reader,
                                      const struct kube_config_place *root, const char *list,
                                      const char *what, const char *name)
{
	const cJSON *elements = kube_config_list(reader, root, list);
	const cJSON *element;
	struct kube_config_place place = {0};
	cJSON_ArrayForEach (element, elements) {
		const char *its =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(element, "name"));
		if (!its || strcmp(its, name) != 0)
			continue;
		place.tree = element;
		(void)snprintf(place.item, sizeof(place.item), "%s \"%.100s\"", what, name);
		break;
	}
	if (!place.tree) {
		kube_config_refuse(reader, root->tree, list, name, "there is no %s of that name",
		                   what);
		return place;
	}
	struct kube_config_place ret = kube_config_child(reader, &place, what);
	if (!ret.tree)
		kube_config_refuse(reader, place.tree, place.item, NULL, "has no %s in it", what);
	memcpy(ret.item, place.item, sizeof(ret.item));
	return ret;
}

static bool has_scheme(const char *url, const char *const *schemes)
{
	for (; *schemes; schemes++) {
		size_t length = strlen(*schemes);
		if (strncmp(url, *schemes, length) == 0 && strncmp(url + length, "://", 3) == 0 &&
		    url[length + 3] && !strpbrk(url, " \t\r\n"))
			return true;
	}
	return false;
}

static void read_server(struct kube_config_reader *reader, const struct kube_config_place *cluster)
{
	static const char *const schemes[] = {"https", "http", NULL};
	const char *url = kube_config_text(reader, cluster, "server");
	size_t length = url ? strlen(url) : 0;
	if (!url || !has_scheme(url, schemes)) {
		kube_config_refuse_member(
			reader, cluster, "server",
			"expected the URL of an API server, like https://10.0.0.1:6443");
		return;
	}
	if (strpbrk(url, "@?#")) {
		kube_config_refuse_member(
			reader, cluster, "server",
			"a user, a query or a fragment in the URL is not supported");
		return;
	}
	while (url[length - 1] == '/')
		length--;
	reader->config->server = arena_strndup(reader->config->arena, url, length);
	if (!reader->config->server)
		kube_config_no_memory(reader);
}

static void read_proxy(struct kube_config_reader *reader, const struct kube_config_place *cluster)
{
	static const char *const schemes[] = {"http", "https", "socks5", NULL};
	const char *url = kube_config_copied(reader, cluster, "proxy-url");
	if (url && !has_scheme(url, schemes))
		kube_config_refuse_member(reader, cluster, "proxy-url",
		                          "expected an http, https or socks5 URL");
	reader->config->proxy = url;
}

/* What is meant for plugins, of those extensions that programs may keep in a cluster. */
static void read_extension(struct kube_config_reader *reader,
                           const struct kube_config_place *cluster)
{
	const cJSON *element;
	const cJSON *list = kube_config_list(reader, cluster, "extensions");
	cJSON_ArrayForEach (element, list) {
		const char *name =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(element, "name"));
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(element, "extension");
		char *text;
		if (!name || !value || strcmp(name, "client.authentication.k8s.io/exec") != 0)
			continue;
		text = cJSON_PrintUnformatted(value);
		if (text)
			reader->config->extension = kube_config_copy(reader, text);
		else
			kube_config_no_memory(reader);
		cJSON_free(text);
		return;
	}
}

static void read_cluster(struct kube_config_reader *reader, const struct kube_config_place *cluster)
{
	struct kube_config *config = reader->config;
	read_server(reader, cluster);
	read_proxy(reader, cluster);
	read_extension(reader, cluster);
	config->ca_pem = kube_config_pem(reader, cluster, "certificate-authority-data");
	if (!config->ca_pem)
		config->ca_file = kube_config_path(reader, cluster, "certificate-authority");
	config->server_name = kube_config_copied(reader, cluster, "tls-server-name");
	config->insecure = kube_config_flag(reader, cluster, "insecure-skip-tls-verify");
	if (config->insecure && (config->ca_pem || config->ca_file))
		kube_config_refuse_member(
			reader, cluster, "insecure-skip-tls-verify",
			"contradicts the certificate authority that is given: remove one");
}

static void read_context(struct kube_config_reader *reader, const struct kube_config_place *root)
{
	const char *name = kube_config_text(reader, root, "current-context");
	if (!name) {
		kube_config_refuse_member(reader, root, "current-context",
		                          "none is set: name the context to use");
		return;
	}
	struct kube_config_place context = named(reader, root, "contexts", "context", name);
	const char *cluster_name =
		context.tree ? kube_config_text(reader, &context, "cluster") : NULL;
	const char *user_name = context.tree ? kube_config_text(reader, &context, "user") : NULL;
	if (!cluster_name)
		kube_config_refuse(reader, context.tree, context.item, NULL, "names no cluster");
	if (!user_name)
		kube_config_refuse(reader, context.tree, context.item, NULL, "names no user");
	if (!cluster_name || !user_name)
		return;
	struct kube_config_place cluster = named(reader, root, "clusters", "cluster", cluster_name);
	struct kube_config_place user = named(reader, root, "users", "user", user_name);
	if (reader->failed < 0)
		return;
	reader->config->user = kube_config_copy(reader, user_name);
	read_cluster(reader, &cluster);
	kube_config_read_user(reader, &user);
}

static int read_document(void *context, const cJSON *document, struct error *err)
{
	struct kube_config_reader *reader = context;
	struct kube_config_place root = {.tree = document};
	(void)err;
	if (reader->read && document && !cJSON_IsNull(document))
		kube_config_refuse(reader, document, NULL, NULL, "a second document: expected one");
	else if (!cJSON_IsObject(document))
		kube_config_refuse(reader, document, NULL, NULL, "expected a kubeconfig");
	const char *kind = reader->failed < 0 ? NULL : kube_config_text(reader, &root, "kind");
	if (kind && strcmp(kind, "Config") != 0)
		kube_config_refuse(reader, document, "kind", kind, "expected Config: a kubeconfig");
	if (reader->failed == 0)
		read_context(reader, &root);
	reader->read = true;
	return reader->failed;
}

static struct kube_config *new_config(const char *file, struct error *err)
{
	struct arena *arena = arena_new(MEMORY_MAX);
	struct kube_config *config = arena ? arena_alloc(arena, sizeof(*config)) : NULL;
	if (config)
		*config = (struct kube_config){
			.arena = arena, .file = arena_strdup(arena, file), .user = ""};
	if (config && config->file)
		return config;
	arena_free(arena);
	error_set(err, -ENOMEM, "%s: out of memory", file);
	return NULL;
}

int kube_config_parse(const char *path, const char *text, size_t length, struct kube_config **ret,
                      struct error *err)
{
	struct kube_config_reader reader = {.config = new_config(path, err), .err = err};
	const struct yaml_handler handler = {.document = read_document, .context = &reader};
	const char *slash = strrchr(path, '/');
	if (!reader.config)
		return -ENOMEM;
	reader.directory = slash ? (size_t)(slash - path) + 1 : 0;
	int r = yaml_read(path, text, length, &handler, err);
	if (r == 0 && !reader.read)
		r = error_set(err, -EINVAL, "%s: empty: expected a kubeconfig", path);
	if (r < 0) {
		kube_config_free(reader.config);
		return r;
	}
	*ret = reader.config;
	return 0;
}

int kube_config_load(const char *path, struct kube_config **ret, struct error *err)
{
	char *text = NULL;
	size_t length = 0;
	int r = file_read(path, KUBE_CONFIG_SIZE_MAX, &text, &length, err);
	if (r < 0)
		return r;
	r = kube_config_parse(path, text, length, ret, err);
	free(text);
	return r;
}

static const char *__attribute__((format(printf, 2, 3)))
print(struct arena *arena, const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return NULL;
	const char *ret = arena_strdup(arena, text);
	free(text);
	return ret;
}

int kube_config_in_cluster(const char *directory, struct kube_config **ret, struct error *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	if (!host || !host[0] || !port || !port[0])
		return error_set(err, -ENOENT,
		                 "inCluster: KUBERNETES_SERVICE_HOST and _PORT are not set: this "
		                 "does not run in a pod; use a kubeconfig");
	struct kube_config *config = new_config(directory, err);
	if (!config)
		return -ENOMEM;
	bool bare = strchr(host, ':') != NULL;
	config->server = print(config->arena, "https://%s%s%s:%s", bare ? "[" : "", host,
	                       bare ? "]" : "", port);
	config->ca_file = print(config->arena, "%s/ca.crt", directory);
	config->token_file = print(config->arena, "%s/token", directory);
	config->user = "the service account";
	if (!config->server || !config->ca_file || !config->token_file) {
		kube_config_free(config);
		return error_set(err, -ENOMEM, "%s: out of memory", directory);
	}
	*ret = config;
	return 0;
}

void kube_config_free(struct kube_config *config)
{
	if (config)
		arena_free(config->arena);
}
