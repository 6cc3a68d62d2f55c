/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/kube_config_reader.h"

#define PLUGIN_STRINGS_MAX 256

static const char **read_strings(struct kube_config_reader *reader,
                                 const struct kube_config_place *plugin, const char *key,
                                 const char *(*read)(struct kube_config_reader *, const cJSON *),
                                 const char *rule)
{
	const cJSON *list = kube_config_list(reader, plugin, key);
	const cJSON *element;
	const char **strings;
	int count = list ? cJSON_GetArraySize(list) : 0;
	size_t i = 0;
	if (count > PLUGIN_STRINGS_MAX) {
		kube_config_refuse_member(reader, plugin, key, "expected a list of at most 256");
		return NULL;
	}
	strings = arena_array(reader->config->arena, (size_t)count + 1, sizeof(*strings));
	if (!strings) {
		kube_config_no_memory(reader);
		return NULL;
	}
	cJSON_ArrayForEach (element, list) {
		strings[i] = read(reader, element);
		if (!strings[i++])
			kube_config_refuse_member(reader, plugin, key, rule);
	}
	return strings;
}

static const char *read_argument(struct kube_config_reader *reader, const cJSON *tree)
{
	return cJSON_IsString(tree) ? kube_config_copy(reader, tree->valuestring) : NULL;
}

static const char *read_variable(struct kube_config_reader *reader, const cJSON *tree)
{
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "name"));
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "value"));
	char *pair;
	if (!name || !name[0] || strchr(name, '=') || !value)
		return NULL;
	pair = arena_alloc(reader->config->arena, strlen(name) + strlen(value) + 2);
	if (!pair) {
		kube_config_no_memory(reader);
		return NULL;
	}
	(void)sprintf(pair, "%s=%s", name, value);
	return pair;
}

static void read_plugin_version(struct kube_config_reader *reader,
                                const struct kube_config_place *place, struct kube_plugin *plugin)
{
	static const char group[] = "client.authentication.k8s.io/";
	const char *version = kube_config_copied(reader, place, "apiVersion");
	size_t length = sizeof(group) - 1;
	bool known =
		version && strncmp(version, group, length) == 0 &&
		(strcmp(version + length, "v1") == 0 || strcmp(version + length, "v1beta1") == 0);
	if (!known)
		kube_config_refuse_member(
			reader, place, "apiVersion",
			"expected client.authentication.k8s.io/v1 or /v1beta1 (v1alpha1 is "
			"gone since Kubernetes 1.24: have the file written anew)");
	plugin->api_version = version;
}

static void read_plugin(struct kube_config_reader *reader, const struct kube_config_place *place)
{
	struct kube_plugin *plugin = arena_alloc(reader->config->arena, sizeof(*plugin));
	const char *command = kube_config_text(reader, place, "command");
	const char *interactive = kube_config_text(reader, place, "interactiveMode");
	if (!plugin) {
		kube_config_no_memory(reader);
		return;
	}
	read_plugin_version(reader, place, plugin);
	if (!command)
		kube_config_refuse_member(reader, place, "command", "expected the program to run");
	else if (strchr(command, '/'))
		plugin->command = kube_config_from_here(reader, command);
	else
		plugin->command = kube_config_copy(reader, command);
	if (interactive && strcmp(interactive, "Always") == 0)
		kube_config_refuse_member(reader, place, "interactiveMode",
		                          "a daemon has no terminal: use a plugin that needs none");
	plugin->arguments = read_strings(reader, place, "args", read_argument, "expected texts");
	plugin->environment =
		read_strings(reader, place, "env", read_variable, "expected names and values");
	plugin->install_hint = kube_config_copied(reader, place, "installHint");
	plugin->wants_cluster = kube_config_flag(reader, place, "provideClusterInfo");
	reader->config->plugin = plugin;
}

/* What kubectl knows, or once knew, and what to do instead. */
static void refuse_unsupported(struct kube_config_reader *reader,
                               const struct kube_config_place *user)
{
	static const struct {
		const char *key;
		const char *rule;
	} unsupported[] = {
		{"username",
	         "a password is not supported (Kubernetes has had none since 1.19): use a "
	         "token, a client certificate or exec"},
		{"password",
	         "a password is not supported (Kubernetes has had none since 1.19): use a "
	         "token, a client certificate or exec"},
		{"as", "acting as another user is not supported: use that user's credentials"},
		{"as-uid", "acting as another user is not supported: use that user's credentials"},
		{"as-groups",
	         "acting as another user is not supported: use that user's credentials"},
	};
	struct kube_config_place provider = kube_config_child(reader, user, "auth-provider");
	const char *name = provider.tree ? kube_config_text(reader, &provider, "name") : NULL;
	if (provider.tree)
		kube_config_refuse(reader, provider.tree, provider.item, name ? name : "",
		                   "not supported (gone since Kubernetes 1.26): "
		                   "use exec with "
		                   "the provider's plugin%s",
		                   !name                        ? ""
		                   : strcmp(name, "gcp") == 0   ? ", gke-gcloud-auth-plugin"
		                   : strcmp(name, "azure") == 0 ? ", kubelogin"
		                   : strcmp(name, "oidc") == 0  ? ", kubectl-oidc_login"
		                                                : "");
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		if (kube_config_member(user, unsupported[i].key))
			kube_config_refuse_member(reader, user, unsupported[i].key,
			                          unsupported[i].rule);
}

static void read_certificate(struct kube_config_reader *reader,
                             const struct kube_config_place *user)
{
	struct kube_config *config = reader->config;
	config->certificate_pem = kube_config_pem(reader, user, "client-certificate-data");
	if (!config->certificate_pem)
		config->certificate_file = kube_config_path(reader, user, "client-certificate");
	config->key_pem = kube_config_pem(reader, user, "client-key-data");
	if (!config->key_pem)
		config->key_file = kube_config_path(reader, user, "client-key");
	bool certificate = config->certificate_pem || config->certificate_file;
	bool key = config->key_pem || config->key_file;
	if (certificate && !key)
		kube_config_refuse_member(reader, user, "client-key",
		                          "a certificate is given without its key");
	if (key && !certificate)
		kube_config_refuse_member(reader, user, "client-certificate",
		                          "a key is given without its certificate");
}

void kube_config_read_user(struct kube_config_reader *reader, const struct kube_config_place *user)
{
	struct kube_config *config = reader->config;
	struct kube_config_place plugin = kube_config_child(reader, user, "exec");
	refuse_unsupported(reader, user);
	read_certificate(reader, user);
	config->token = kube_config_copied(reader, user, "token");
	config->token_file = kube_config_path(reader, user, "tokenFile");
	if (config->token && !kube_token_is_valid(config->token))
		kube_config_refuse_member(reader, user, "token", "expected a token without blanks");
	if (plugin.tree)
		read_plugin(reader, &plugin);
	if (plugin.tree && (config->token || config->token_file || config->certificate_pem ||
	                    config->certificate_file))
		kube_config_refuse_member(reader, user, "exec",
		                          "other credentials stand beside it: leave only one kind");
}

bool kube_token_is_valid(const char *token)
{
	size_t length = 0;
	while (token[length] > 0x20 && token[length] < 0x7f)
		length++;
	return length > 0 && length <= KUBE_TOKEN_MAX && token[length] == '\0';
}
