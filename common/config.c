/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/config.h"
#include "common/file.h"
#include "common/schema.h"

#define CONFIG_SIZE_MAX (1U << 20)
#define CONFIG_MEMORY_MAX (1U << 20)
#define HOST_NAME_SIZE 256
#define EC2_REFRESH 30000 /* milliseconds */
#define DNS_LISTEN "169.254.20.10"

const char *const exemption_names[EXEMPTIONS] = {
	[EXEMPT_IMDS] = "imds",
	[EXEMPT_VPC_DNS] = "vpc-dns",
	[EXEMPT_TIME] = "time",
	[EXEMPT_DHCP] = "dhcp",
	[EXEMPT_POD_IDENTITY] = "pod-identity",
	[EXEMPT_ECS] = "ecs",
	[EXEMPT_NODE_PROBE] = "node-probe",
	[EXEMPT_HAIRPIN] = "hairpin",
};

static const char *const mode_names[] = {
	[MODE_STRICT] = "strict",
	[MODE_STANDARD] = "standard",
	NULL,
};

static const char *const node_groups_names[] = {
	[NODE_GROUPS_CROSSING] = "crossing",
	[NODE_GROUPS_ALWAYS] = "always",
	[NODE_GROUPS_NEVER] = "never",
	NULL,
};

static const char *const flows_names[] = {
	[FLOWS_KEEP] = "keep",
	[FLOWS_CUT] = "cut",
	NULL,
};

_Static_assert(sizeof(enum mode) == sizeof(int) && sizeof(enum flows_policy) == sizeof(int) &&
                       sizeof(enum node_groups_policy) == sizeof(int),
               "schema_set_choice() writes an int");

static const char *const without_eni_names[] = {"ignore", "enforce", NULL};
static const char *const failure_policy_names[] = {"fail", "ignore", NULL};

static bool is_printable(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < 0x20 || *text >= 0x7f)
			return false;
	}
	return true;
}

static bool is_name(const char *text)
{
	return strlen(text) < HOST_NAME_SIZE && is_printable(text) && strchr(text, ' ') == NULL;
}

static bool is_interface(const char *text)
{
	return is_name(text) && strlen(text) < 16 && strpbrk(text, "/:") == NULL;
}

static bool is_path(const char *text)
{
	return text[0] == '/' && strlen(text) < PATH_MAX && is_printable(text);
}

static bool is_optional_path(const char *text)
{
	return text[0] == '\0' || is_path(text);
}

static bool is_socket(const char *text)
{
	return is_path(text) && strlen(text) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_table(const char *text)
{
	if (!is_alphanumeric(text[0]) || (text[0] >= '0' && text[0] <= '9'))
		return false;
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (i > 63 || (!is_alphanumeric(text[i]) && strchr("_-.", text[i]) == NULL))
			return false;
	}
	return true;
}

/* The VPC CNI's own limits: with 11 digits behind it the name just fits. */
static bool is_veth_prefix(const char *text)
{
	size_t length = 0;

	while (is_alphanumeric(text[length]))
		length++;
	return text[length] == '\0' && length >= 1 && length <= 4 && strcmp(text, "eth") != 0 &&
	       strcmp(text, "lo") != 0 && strcmp(text, "vlan") != 0;
}

/* "" = off; else "127.0.0.1:9254" or "[::1]:9254". */
static bool is_endpoint(const char *text)
{
	char address[64];
	struct prefix parsed;
	const char *colon = strrchr(text, ':');
	size_t length;
	unsigned long port;

	if (text[0] == '\0')
		return true;
	if (colon == NULL || (size_t)(colon - text) >= sizeof(address))
		return false;
	length = (size_t)(colon - text);
	memcpy(address, text, length);
	address[length] = '\0';
	if (address[0] == '[' && address[length - 1] == ']') {
		memmove(address, address + 1, length - 2);
		address[length - 2] = '\0';
	} else if (strchr(address, ':') != NULL) {
		return false;
	}
	if (strlen(colon + 1) > 5 || strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return false;
	port = strtoul(colon + 1, NULL, 10);
	return address_parse(address, &parsed) == 0 && port >= 1 && port <= 65535;
}

static bool is_url(const char *text)
{
	bool http = strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;

	return http && is_name(text) && strchr(text, '@') == NULL;
}

static void set_version(struct schema *schema, const struct schema_key *key,
                        const struct schema_value *value)
{
	(void)key;
	if (!cJSON_IsNumber(value->tree) || value->tree->valuedouble != 1)
		schema_refuse(schema, value, "expected 1");
}

static void set_connmark(struct schema *schema, const struct schema_key *key,
                         const struct schema_value *value)
{
	double number = value->tree->valuedouble;

	if (cJSON_IsNumber(value->tree) && number >= 0 && number <= UINT32_MAX &&
	    number == (uint32_t)number && __builtin_popcount((uint32_t)number) == 2)
		schema_set_u32(schema, key, value);
	else
		schema_refuse(schema, value, "expected a mask of exactly two bits, like 0x3000");
}

#define AT(member) .offset = offsetof(struct config, member)
#define LIST(list, number) AT(list), .count_offset = offsetof(struct config, number)
#define TEXT(member, checker, text) schema_set_text, AT(member), .check = (checker), .rule = (text)
#define EXEMPTION(number)                                                                          \
	schema_set_flag, .offset = offsetof(struct config, exempt) + (number) * sizeof(bool)
#define ABSOLUTE "an absolute path"

/* Every key of the file; what another part reads is known as a whole. */
static const struct schema_key keys[] = {
	{"version", .set = set_version},
	{"node.name", TEXT(node.name, is_name, "a name without spaces")},
	{"node.primaryInterface", TEXT(node.primary_interface, is_interface,
                                       "the name of an interface, at most 15 characters")},
	{"node.securityGroups", schema_set_names,
         LIST(node.security_groups, node.security_group_count), .check = is_name,
         .rule = "the id of a security group"},
	{"node.addresses", schema_set_addresses, LIST(node.addresses, node.address_count)},
	{"enforcingMode", schema_set_choice, AT(enforcing_mode), .choices = mode_names},
	{"standardNodeGroups", schema_set_choice, AT(standard_node_groups),
         .choices = node_groups_names},
	{"establishedFlows", schema_set_choice, AT(established_flows), .choices = flows_names},
	{"withoutEni", schema_set_choice_flag, AT(enforce_without_eni),
         .choices = without_eni_names},
	{"vethPrefix", TEXT(veth_prefix, is_veth_prefix,
                            "1 to 4 letters or digits, other than eth, lo and vlan")},
	{"vpcCidrs", schema_set_prefixes, LIST(vpc_cidrs, vpc_cidr_count)},
	{"exempt.imds", EXEMPTION(EXEMPT_IMDS)},
	{"exempt.vpc-dns", EXEMPTION(EXEMPT_VPC_DNS)},
	{"exempt.time", EXEMPTION(EXEMPT_TIME)},
	{"exempt.dhcp", EXEMPTION(EXEMPT_DHCP)},
	{"exempt.pod-identity", EXEMPTION(EXEMPT_POD_IDENTITY)},
	{"exempt.ecs", EXEMPTION(EXEMPT_ECS)},
	{"exempt.node-probe", EXEMPTION(EXEMPT_NODE_PROBE)},
	{"exempt.hairpin", EXEMPTION(EXEMPT_HAIRPIN)},
	{"sources.files.directory",
         TEXT(files.directory, is_optional_path, ABSOLUTE ", or \"\" for none")},
	{"sources.kubernetes.kubeconfig",
         TEXT(kubernetes.kubeconfig, is_optional_path, ABSOLUTE ", or \"\" for none")},
	{"sources.kubernetes.inCluster", schema_set_flag, AT(kubernetes.in_cluster)},
	{"sources.ec2.region", TEXT(ec2.region, is_name, "the name of a region")},
	{"sources.ec2.endpoint", TEXT(ec2.endpoint, is_url, "an http or https URL")},
	{"sources.ec2.refresh", schema_set_duration, AT(ec2.refresh), .min = 1000, .max = 86400000},
	{"nftSync.table", TEXT(nft_sync.table, is_table, "an nftables identifier")},
	{"nftSync.socket", TEXT(nft_sync.socket, is_socket, ABSOLUTE " of at most 107 bytes")},
	{"nftSync.branches", TEXT(nft_sync.branches, is_path, ABSOLUTE)},
	{"nftSync.metrics", TEXT(nft_sync.metrics, is_endpoint, "ADDRESS:PORT, or \"\" for none")},
	{"nftSync.connmark", set_connmark, AT(nft_sync.connmark), .max = UINT32_MAX},
	{"nftSync.ownTable", schema_set_flag, AT(nft_sync.own_table)},
	{"nftSync.dropLog.group", schema_set_u16, AT(nft_sync.drop_log.group), .max = UINT16_MAX},
	{"nftSync.dropLog.perSecond", schema_set_u32, AT(nft_sync.drop_log.per_second),
         .max = 1000000},
	{"dns.clusterServers", schema_set_addresses,
         LIST(dns.cluster_servers, dns.cluster_server_count)},
	{"dns.listen", schema_set_addresses, LIST(dns.listen, dns.listen_count)},
	{"dns.memory", schema_set_size, AT(dns.memory), .min = 16, .max = 65536},
	{"dns.corefile", TEXT(dns.corefile, is_path, ABSOLUTE)},
	{"dns.metrics", TEXT(dns.metrics, is_endpoint, "ADDRESS:PORT, or \"\" for none")},
	{"dns.clientQueriesPerSecond", schema_set_u32, AT(dns.client_rate), .max = 1000000},
	{"dns.clientOutstanding", schema_set_u32, AT(dns.client_outstanding), .min = 1,
         .max = 65536},
	{"hooks.failurePolicy", schema_set_choice_flag, AT(hooks.ignore_failure),
         .choices = failure_policy_names},
	{"hooks.attachTimeout", schema_set_duration, AT(hooks.attach_timeout), .min = 100,
         .max = 60000},
	{"hooks.journal", TEXT(hooks.journal, is_path, ABSOLUTE)},
};

static struct config *config_new(void)
{
	struct arena *arena = arena_new(CONFIG_MEMORY_MAX);
	struct config *config;

	if (arena == NULL)
		return NULL;
	config = arena_alloc(arena, sizeof(*config));
	if (config == NULL) {
		arena_free(arena);
		return NULL;
	}
	*config = (struct config){
		.arena = arena,
		.node = {.name = "", .primary_interface = ""},
		.enforce_without_eni = true,
		.veth_prefix = "eni",
		.files = {.directory = "/var/lib/podsg/documents"},
		.kubernetes = {.kubeconfig = ""},
		.ec2 = {.region = "", .endpoint = ""},
		.nft_sync = {.table = "podsg",
	                     .socket = "/run/podsg/nft-sync.sock",
	                     .branches = "/run/podsg/branches.json",
	                     .metrics = "127.0.0.1:9254",
	                     .connmark = 0x3000,
	                     .own_table = true,
	                     .drop_log = {.group = 100, .per_second = 50}},
		.dns = {.memory = 64U << 20,
	                .corefile = PODSG_SYSCONFDIR "/podsg/Corefile",
	                .metrics = "0.0.0.0:9353",
	                .client_outstanding = 512},
		.hooks = {.attach_timeout = 10000, .journal = "/var/lib/podsg/journal"},
	};
	for (size_t i = 0; i < EXEMPTIONS; i++)
		config->exempt[i] = true;
	return config;
}

/* An empty section turns nothing on: the default configuration shows one. */
static void fill_ec2(struct config *config)
{
	config->ec2.enabled = config->ec2.region[0] != '\0' || config->ec2.endpoint[0] != '\0' ||
	                      config->ec2.refresh != 0;
	if (config->ec2.refresh == 0)
		config->ec2.refresh = EC2_REFRESH;
}

static int fill_host_name(struct config *config, struct error *err)
{
	char name[HOST_NAME_SIZE] = "";

	if (config->node.name[0] != '\0')
		return 0;
	if (gethostname(name, sizeof(name) - 1) < 0)
		return error_set(err, -errno, "cannot read the host's name: %s", strerror(errno));
	config->node.name = arena_strdup(config->arena, name);
	if (config->node.name == NULL)
		return error_set(err, -ENOMEM, "out of memory");
	return 0;
}

/* A cache that listens nowhere is of no use, so that an empty list is no list. */
static int fill_listen(struct config *config, struct error *err)
{
	if (config->dns.listen_count > 0)
		return 0;
	config->dns.listen = arena_alloc(config->arena, sizeof(*config->dns.listen));
	if (config->dns.listen == NULL)
		return error_set(err, -ENOMEM, "out of memory");
	config->dns.listen_count = 1;
	return address_parse(DNS_LISTEN, config->dns.listen);
}

/* What depends on what the file says, and what it leaves to the host. */
static int fill_defaults(struct config *config, struct error *err)
{
	int result = fill_listen(config, err);

	fill_ec2(config);
	return result < 0 ? result : fill_host_name(config, err);
}

const char *mode_name(enum mode mode)
{
	return mode_names[mode];
}

int config_parse(const char *name, const char *text, size_t length, struct config **ret,
                 struct error *err)
{
	struct config *config = config_new();
	struct schema schema = {.keys = keys,
	                        .key_count = sizeof(keys) / sizeof(keys[0]),
	                        .target = config,
	                        .file = name,
	                        .err = err};
	int result;

	if (config == NULL)
		return error_set(err, -ENOMEM, "%s: out of memory", name);
	schema.arena = config->arena;
	result = schema_read(&schema, text, length);
	if (result == 0)
		result = fill_defaults(config, err);
	if (result < 0) {
		config_free(config);
		return result;
	}
	*ret = config;
	return 0;
}

int config_load(const char *path, struct config **ret, struct error *err)
{
	char *text;
	size_t length;
	int result;

	if (path == NULL)
		return config_parse("defaults", "", 0, ret, err);
	result = file_read(path, CONFIG_SIZE_MAX, &text, &length, err);
	if (result < 0)
		return result;
	result = config_parse(path, text, length, ret, err);
	free(text);
	return result;
}

int config_find(const char *path, struct config **ret, struct error *err)
{
	int r = config_load(path ? path : CONFIG_PATH, ret, err);

	if (r != -ENOENT || path)
		return r;
	*err = (struct error){0};
	return config_load(NULL, ret, err);
}

void config_free(struct config *config)
{
	if (config != NULL)
		arena_free(config->arena);
}
