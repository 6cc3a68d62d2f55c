/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_HOST_H
#define PODSG_FACTS_HOST_H

/* What this machine says of itself: its kernel, its network, its CNI configuration, and the tools
 * on it. Read when its checks run; nothing is changed. */

#include "common/network_state.h"
#include "nft-sync/check/facts.h"

#define CNI_DIRECTORY "/etc/cni/net.d"
#define CNI_BINARIES "/opt/cni/bin"

/* The network that the container runtimes choose: the first valid file of the directory. */
struct host_chain {
	const char *file;     /* NULL: there is none */
	const char **plugins; /* their types, in order */
	size_t count;
};

/* A version of several numbers; text "" = not known. */
#define VERSION_PARTS 4
struct host_version {
	const char *text;
	unsigned parts[VERSION_PARTS]; /* 0 where it has none */
};

/* What the daemon says of others that changed its table. */
struct host_repairs {
	bool known;
	int error; /* why not: -ENOENT, -ECONNREFUSED: it does not run */
	double count;
	const char *what, *process;
};

struct host_sight {
	struct arena *arena;
	struct host_version kernel, nft;
	struct network_state network;
	struct error network_error; /* code 0: it is known */
	const char *primary;        /* interface; "" = there is no default route */
	struct host_chain chain;
	struct error chain_error;
	bool has_plugin; /* podsg-cni is installed */
	struct host_repairs repairs;
};

int host_sight_open(struct host_sight *sight, const struct facts *facts, struct error *err);
void host_sight_close(struct host_sight *sight);

/* net/ipv4/ip_forward; below 0: there is no such thing, or it is no number. */
int host_sysctl(const char *name);
/* Of that interface: all kinds of names, "vlan.eth.1" too. */
int host_interface_sysctl(const char *interface, const char *name);

/* Below 0, 0, above 0: it is older than, is, is newer than these numbers. */
int host_version_compare(const struct host_version *version, const unsigned *parts, size_t count);

/* A unit that is started at boot. */
bool host_unit_enabled(const char *unit);
/* Whether a line of the file begins with that, comments and white space aside. */
bool host_file_says(const char *path, const char *words);
bool host_has_binary(const char *directory, const char *name);
/*
 * How many DNS servers of the cluster podsg-nft-sync led queries of that family to when it last
 * wrote this branches.json: its rules outlive it. Below 0: the file does not say.
 */
int host_led_servers(const char *branches, uint8_t family);

/* Kept; control characters, which could draw on a terminal, are '?'. NULL: no memory. */
const char *host_text_keep(struct arena *arena, const char *text);

/* Inside: host_sight_open()'s parts. What cannot be read is no failure. */
struct host_version host_version_read(struct arena *arena, const char *text);
int host_chain_read(struct host_sight *sight, const char *directory);
int host_nft_read(struct host_sight *sight);
int host_repairs_read(struct host_sight *sight, const char *socket);

#endif
