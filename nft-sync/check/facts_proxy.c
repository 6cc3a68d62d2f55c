/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/yaml.h"
#include "nft-sync/check/facts_proxy.h"

#define NAMESPACE "kube-system"
#define PROXY_SET "kube-proxy"
#define CACHE_SET "node-local-dns"
#define DEFAULT_MODE "iptables" /* on Linux */
#define MODE_FLAG "--proxy-mode"
#define CONFIG_FLAG "--config"

/* EKS's own, and kubeadm's. */
static const struct {
	const char *name, *key;
} proxy_maps[] = {{"kube-proxy-config", "config"}, {"kube-proxy", "config.conf"}};

/* Kept for good; NULL: kube-proxy knows no such mode. */
static const char *find_mode(const char *text)
{
	static const char *const modes[] = {DEFAULT_MODE, "ipvs", "nftables", "userspace"};
	size_t length = strcspn(text, " \t\r\n\"'");
	if (length == 0)
		return DEFAULT_MODE;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strlen(modes[i]) == length && memcmp(modes[i], text, length) == 0)
			return modes[i];
	return NULL;
}

static bool is_object(const struct object_name *name, const char *wanted)
{
	return strcmp(name->namespace, NAMESPACE) == 0 && strcmp(name->name, wanted) == 0;
}

static int take_mode(void *context, const cJSON *document, struct error *err)
{
	const cJSON *mode = cJSON_GetObjectItemCaseSensitive(document, "mode");
	const cJSON *kind = cJSON_GetObjectItemCaseSensitive(document, "kind");
	const char **ret = context;
	(void)err;
	if (cJSON_IsString(kind) && strcmp(kind->valuestring, "KubeProxyConfiguration") == 0)
		*ret = find_mode(cJSON_IsString(mode) ? mode->valuestring : "");
	return 0;
}

static void push_proxy(struct loader *loader, const struct field *object,
                       const struct object_name *name, const char *mode)
{
	struct kube_proxy_facts *proxy =
		mode ? fact_push(loader, FACT_KUBE_PROXY, object, name) : NULL;
	if (!proxy)
		return;
	proxy->kind = loader->kind_loaded->kind;
	proxy->mode = mode;
}

/* A text that is not YAML says nothing: kube-proxy itself would not start with it. */
static void read_proxy_text(struct loader *loader, const struct field *config_map,
                            const struct object_name *name, const char *key)
{
	const struct field data = read_object(loader, config_map, "data", OPTIONAL);
	const struct field field = field_member(&data, key);
	const char *mode = NULL;
	const struct yaml_handler handler = {.document = take_mode, .context = &mode};
	struct error ignored = {0};
	if (!cJSON_IsString(field.value))
		return;
	const char *text = field.value->valuestring;
	if (yaml_read(key, text, strlen(text), &handler, &ignored) == 0)
		push_proxy(loader, config_map, name, mode);
}

void load_kube_proxy_map(struct loader *loader, const struct field *config_map)
{
	const struct object_name name = read_object_name(loader, config_map, true, DEFINES_NOTHING);
	for (size_t i = 0; i < sizeof(proxy_maps) / sizeof(proxy_maps[0]); i++)
		if (is_object(&name, proxy_maps[i].name))
			read_proxy_text(loader, config_map, &name, proxy_maps[i].key);
}

/* The words of all containers' command lines, one after the other. */
struct words {
	void (*read)(struct loader *loader, const char *word, void *context);
	void *context;
};

static void read_word(struct loader *loader, const struct field *element, void *context)
{
	const struct words *words = context;
	if (cJSON_IsString(element->value))
		words->read(loader, element->value->valuestring, words->context);
}

static void read_container(struct loader *loader, const struct field *container, void *context)
{
	read_elements(loader, container, "command", read_word, context);
	read_elements(loader, container, "args", read_word, context);
}

static void read_words(struct loader *loader, const struct field *daemon_set, struct words *words)
{
	const struct field spec = read_object(loader, daemon_set, "spec", OPTIONAL);
	const struct field template = read_object(loader, &spec, "template", OPTIONAL);
	const struct field pod_spec = read_object(loader, &template, "spec", OPTIONAL);
	read_elements(loader, &pod_spec, "containers", read_container, words);
}

struct proxy_line {
	bool config, mode_next;
	const char *mode;
};

/* A word may be a whole line for a shell. */
static void read_proxy_word(struct loader *loader, const char *word, void *context)
{
	struct proxy_line *line = context;
	const char *flag = strstr(word, MODE_FLAG "=");
	(void)loader;
	if (line->mode_next)
		line->mode = find_mode(word);
	else if (flag)
		line->mode = find_mode(flag + strlen(MODE_FLAG "="));
	line->mode_next = strcmp(word, MODE_FLAG) == 0;
	line->config |= strstr(word, CONFIG_FLAG "=") || strcmp(word, CONFIG_FLAG) == 0;
}

/* With a file kube-proxy does not look at most of its flags. */
void load_kube_proxy_set(struct loader *loader, const struct field *daemon_set)
{
	const struct object_name name = read_object_name(loader, daemon_set, true, DEFINES_NOTHING);
	struct proxy_line line = {.mode = DEFAULT_MODE};
	struct words words = {read_proxy_word, &line};
	if (!is_object(&name, PROXY_SET))
		return;
	read_words(loader, daemon_set, &words);
	if (!line.config)
		push_proxy(loader, daemon_set, &name, line.mode);
}

/* The addresses are behind the flag, or are the next word. */
static void read_cache_word(struct loader *loader, const char *word, void *context)
{
	static const char flag[] = "-localip";
	bool *next = context;
	if (*next)
		read_prefix_words(loader, word);
	*next = false;
	if (strncmp(word, "--", 2) == 0)
		word++;
	if (strncmp(word, flag, strlen(flag)) != 0)
		return;
	word += strlen(flag);
	if (*word == '=')
		read_prefix_words(loader, word + 1);
	*next = !*word;
}

void load_node_local_dns(struct loader *loader, const struct field *daemon_set)
{
	const struct object_name name = read_object_name(loader, daemon_set, true, DEFINES_NOTHING);
	bool next = false;
	struct words words = {read_cache_word, &next};
	struct node_local_dns_facts *cache;
	if (!is_object(&name, CACHE_SET))
		return;
	cache = fact_push(loader, FACT_NODE_LOCAL_DNS, daemon_set, &name);
	if (!cache)
		return;
	read_words(loader, daemon_set, &words);
	loader_keep(loader, &loader->prefixes, &cache->addresses, &cache->address_count);
}

const struct kube_proxy_facts *facts_kube_proxy(const struct facts *facts)
{
	size_t count;
	const struct kube_proxy_facts *proxies = facts_of(facts, FACT_KUBE_PROXY, &count);
	return count > 0 ? proxies : NULL;
}

const struct node_local_dns_facts *facts_node_local_dns(const struct facts *facts)
{
	size_t count;
	const struct node_local_dns_facts *caches = facts_of(facts, FACT_NODE_LOCAL_DNS, &count);
	return count > 0 ? caches : NULL;
}
