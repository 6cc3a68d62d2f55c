/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "nft-sync/check/facts_host.h"
#include "nft-sync/host/host.h"

#define SIGHT_MEMORY_MAX (8U << 20)
#define SYSCTL_MAX 32 /* bytes of a number */

int host_sysctl(const char *name)
{
	char path[256], text[SYSCTL_MAX];
	char *end;
	(void)snprintf(path, sizeof(path), "/proc/sys/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t length = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (length <= 0)
		return -EINVAL;
	text[length] = '\0';
	long value = strtol(text, &end, 10);
	return end != text && value >= 0 && value <= INT32_MAX ? (int)value : -EINVAL;
}

int host_interface_sysctl(const char *interface, const char *name)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "net/ipv4/conf/%s/%s", interface, name);
	return host_sysctl(path);
}

int host_version_compare(const struct host_version *version, const unsigned *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (version->parts[i] != parts[i])
			return version->parts[i] < parts[i] ? -1 : 1;
	return 0;
}

const char *host_text_keep(struct arena *arena, const char *text)
{
	char *kept = arena_strdup(arena, text);
	for (char *at = kept; at && *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	return kept;
}

struct host_version host_version_read(struct arena *arena, const char *text)
{
	struct host_version version = {.text = host_text_keep(arena, text)};
	for (size_t i = 0; i < VERSION_PARTS; i++) {
		char *end;
		unsigned long part = strtoul(text, &end, 10);
		if (end == text)
			break;
		version.parts[i] = part <= INT32_MAX ? (unsigned)part : INT32_MAX;
		if (*end != '.')
			break;
		text = end + 1;
	}
	return version;
}

static void read_network(struct host_sight *sight)
{
	struct netlink netlink;
	struct error *err = &sight->network_error;
	if (netlink_open(&netlink, NETLINK_ROUTE, err) < 0)
		return;
	(void)network_state_read(&netlink, &sight->network, err);
	netlink_close(&netlink);
}

static const char *find_primary(struct arena *arena, const struct config *config)
{
	struct host host = {0};
	const char *found = config->node.primary_interface;
	if (!found[0] && host_facts(&host, NULL) == 0)
		found = host.default_interface;
	found = arena_strdup(arena, found);
	host_done(&host);
	return found;
}

int host_sight_open(struct host_sight *sight, const struct facts *facts, struct error *err)
{
	struct utsname name;
	*sight = (struct host_sight){.arena = arena_new(SIGHT_MEMORY_MAX)};
	if (!sight->arena)
		return error_set(err, -ENOMEM, "no memory");
	(void)uname(&name);
	sight->kernel = host_version_read(sight->arena, name.release);
	sight->has_plugin = host_has_binary(facts->cni_binaries, "podsg-cni");
	read_network(sight);
	sight->primary = find_primary(sight->arena, facts->config);
	int r = host_chain_read(sight, facts->cni_directory);
	if (r == 0)
		r = host_nft_read(sight);
	if (r == 0)
		r = host_repairs_read(sight, facts->config->nft_sync.socket);
	if (r < 0 || !sight->kernel.text || !sight->primary) {
		host_sight_close(sight);
		return error_set(err, -ENOMEM, "no memory");
	}
	return 0;
}

void host_sight_close(struct host_sight *sight)
{
	network_state_done(&sight->network);
	arena_free(sight->arena);
	*sight = (struct host_sight){0};
}
