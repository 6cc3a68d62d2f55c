/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONFIG_H
#define PODSG_CONFIG_H

/* /etc/podsg/podsg.yaml: one file, a section a part. An unknown key is an error with its line. */

#include "common/address.h"
#include "common/arena.h"
#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH PODSG_SYSCONFDIR "/podsg/podsg.yaml"

enum mode { MODE_STRICT, MODE_STANDARD };
enum node_groups_policy { NODE_GROUPS_CROSSING, NODE_GROUPS_ALWAYS, NODE_GROUPS_NEVER };
enum flows_policy { FLOWS_KEEP, FLOWS_CUT };

enum exemption {
	EXEMPT_IMDS,
	EXEMPT_VPC_DNS,
	EXEMPT_TIME,
	EXEMPT_DHCP,
	EXEMPT_POD_IDENTITY,
	EXEMPT_ECS,
	EXEMPT_NODE_PROBE,
	EXEMPT_HAIRPIN,
};
#define EXEMPTIONS 8

/* Strings are never NULL; "" = not set. Everything is owned by the arena. */
struct config {
	struct arena *arena;
	struct {
		const char *name; /* hostname where the file does not say */
		const char *primary_interface;
		const char **security_groups;
		size_t security_group_count;
		struct prefix *addresses;
		size_t address_count;
	} node;
	enum mode enforcing_mode;
	enum node_groups_policy standard_node_groups;
	enum flows_policy established_flows;
	bool enforce_without_eni;
	const char *veth_prefix; /* at most 4 characters, as the VPC CNI has it */
	struct prefix *vpc_cidrs;
	size_t vpc_cidr_count;
	bool exempt[EXEMPTIONS];
	struct {
		const char *directory; /* "" = off */
	} files;
	struct {
		const char *kubeconfig; /* "" = none */
		bool in_cluster;        /* neither: the source is off */
	} kubernetes;
	struct {
		bool enabled;
		const char *region;   /* "" = the environment's, the profile's or the instance's */
		const char *endpoint; /* "" = EC2's own of the region */
		uint32_t refresh;     /* milliseconds */
	} ec2;
	struct {
		struct prefix *cluster_servers; /* none = the source finds them */
		size_t cluster_server_count;
		struct prefix *listen; /* node-local addresses of dnscache; never none */
		size_t listen_count;
		uint64_t memory; /* bytes that dnscache may have resident */
		const char *corefile;
		const char *metrics;
		uint32_t client_rate;        /* queries a second of one address; 0 = no limit */
		uint32_t client_outstanding; /* queries of one address that wait for upstream */
	} dns;
	struct {
		const char *table;
		const char *socket;
		const char *branches;
		const char *metrics;
		uint32_t connmark; /* exactly two bits: which end has permitted the flow */
		bool own_table;    /* let the kernel keep others off the table, if it can */
		struct {
			uint16_t group;
			uint32_t per_second;
		} drop_log;
	} nft_sync;
	struct {
		bool ignore_failure; /* a pod starts although nobody says that its rules stand */
		uint32_t attach_timeout; /* milliseconds that ADD waits for its rules */
		const char *journal;     /* directory */
	} hooks;
};

extern const char *const exemption_names[EXEMPTIONS]; /* as the configuration spells them */
const char *mode_name(enum mode mode);

/* path NULL: defaults only. Errors have file, line, key, value and rule. */
int config_load(const char *path, struct config **ret, struct error *err);
/* path NULL: the default path, and where no file is there the defaults. */
int config_find(const char *path, struct config **ret, struct error *err);
int config_parse(const char *name, const char *text, size_t length, struct config **ret,
                 struct error *err);
void config_free(struct config *config); /* accepts NULL */

#endif
