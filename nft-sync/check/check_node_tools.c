/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "nft-sync/check/check_node.h"

#define OWN_PLUGIN "podsg-cni"
#define NEEDS_CHAIN "the network configurations of this node: run it as root"
#define NEEDS_DAEMON "podsg-nft-sync: its control socket does not answer"

const struct check node_plugin_last = {
	"node-plugin-last",
	SEVERITY_ERROR,
	"podsg-cni is not the last plugin of the node's network",
	"podsg-cni holds a pod back until its rules stand, and knows what the plugins before it "
	"made. Where it is missing, or another plugin comes behind it, pods start before they are "
	"filtered, and nobody cleans up after pods that went without a trace.",
	"CNI specification 1.0.0, section 3; podsg-conflist(8)",
};

const struct check node_plugin_missing = {
	"node-plugin-missing",
	SEVERITY_ERROR,
	"a CNI plugin that is named but not installed",
	"The container runtime runs all plugins of the network for every pod, and fails the pod "
	"where one is not there: pods hang in ContainerCreating.",
	"CNI specification 1.0.0, section 2",
};

const struct check node_nft_old = {
	"node-nft-old",
	SEVERITY_WARNING,
	"an nft command that may not be able to list podsg's table",
	"podsg itself does not use the command, but who looks for the cause of a dropped packet "
	"does, and so do tools that list all tables. What podsg writes is tested with nft 1.0.6.",
	"podsg-nft-sync(8); kubernetes pull request 124152",
};

const struct check node_nft_ifname = {
	"node-nft-ifname",
	SEVERITY_INFO,
	"an nft command whose sets of interface names crash older ones",
	"A set of type ifname that this nft writes, into any table, makes older nft commands crash "
	"when they list the rule set, the one in kube-proxy's image among them: Services then keep "
	"the state that they have. podsg writes no such sets.",
	"kubernetes issue 136786",
};

const struct check node_flush_ruleset = {
	"node-flush-ruleset",
	SEVERITY_WARNING,
	"something that flushes the whole rule set",
	"flush ruleset takes everybody's tables, kube-proxy's too, and podsg's where the kernel is "
	"older than 6.9. podsg puts its own back within milliseconds, but until then nothing is "
	"filtered, and other agents need longer.",
	"nft(8), flush ruleset; k0s issue 2908",
};

const struct check node_firewalld = {
	"node-firewalld",
	SEVERITY_WARNING,
	"firewalld on a node with pods",
	"firewalld rejects what is forwarded between interfaces that no zone of it has, and pods' "
	"interfaces are in none. A drop of its table is final, whatever podsg's permits.",
	"rke2 documentation, Known Issues, Firewalld; containernetworking plugins issue 512",
};

const struct check node_repairs = {
	"node-repairs",
	SEVERITY_WARNING,
	"podsg's table was changed by somebody else",
	"podsg-nft-sync puts back what others delete or change, and counts it: whoever does that "
	"is still there.",
	"podsgctl(8), status",
};

static void judge_plugin_last(const struct node_run *node)
{
	const struct host_chain *chain = &node->sight.chain;
	size_t at = 0;
	while (at < chain->count && strcmp(chain->plugins[at], OWN_PLUGIN) != 0)
		at++;
	/* Without the hooks nobody expects it. */
	if (at == chain->count && !node->sight.has_plugin)
		return;
	check_judged(node->run, &node_plugin_last);
	if (at + 1 == chain->count)
		return;
	const struct fact fact = node_fact(node, chain->file);
	struct finding *finding =
		at == chain->count
			? check_found(node->run, &node_plugin_last, "Node", &fact,
	                              OWN_PLUGIN " is installed, but not in its network")
			: check_found(node->run, &node_plugin_last, "Node", &fact,
	                              "%s comes behind " OWN_PLUGIN, chain->plugins[at + 1]);
	finding_fix(node->run, finding,
	            "podsg-conflist\n"
	            "systemctl enable --now podsg-conflist.path podsg-conflist.timer    "
	            "# and keeps it there");
}

static void judge_plugins(const struct node_run *node)
{
	const struct host_chain *chain = &node->sight.chain;
	const char *directory = node->run->facts->cni_binaries;
	const struct fact fact = node_fact(node, chain->file);
	for (size_t i = 0; i < chain->count; i++) {
		const char *plugin = chain->plugins[i];
		check_judged(node->run, &node_plugin_missing);
		if (host_has_binary(directory, plugin))
			continue;
		struct finding *finding = check_found(
			node->run, &node_plugin_missing, "Node", &fact,
			"its network names the plugin %s, which is not in %s", plugin, directory);
		if (strcmp(plugin, OWN_PLUGIN) == 0)
			finding_fix(node->run, finding,
			            "podsg-conflist --remove    # or install podsg-hooks");
		else
			finding_fix(node->run, finding,
			            "ls -l %s/%s    # put there by whoever installs the plugin; "
			            "else take it out of %s",
			            directory, plugin, chain->file);
	}
}

static void judge_chain(const struct node_run *node)
{
	if (node->sight.chain_error.code) {
		check_needs(node->run, &node_plugin_last, NEEDS_CHAIN);
		check_needs(node->run, &node_plugin_missing, NEEDS_CHAIN);
	} else if (node->sight.chain.file) {
		judge_plugin_last(node);
		judge_plugins(node);
	}
}

static void judge_nft_old(const struct node_run *node)
{
	static const unsigned tested[] = {1, 0, 6};
	const struct fact fact = node_fact(node, "nft");
	check_judged(node->run, &node_nft_old);
	if (host_version_compare(&node->sight.nft, tested, 3) >= 0)
		return;
	struct finding *finding = check_found(node->run, &node_nft_old, "Node", &fact, "has nft %s",
	                                      node->sight.nft.text);
	finding_fix(node->run, finding, "nft 1.0.6 or later, from the distribution's packages");
}

/* The bug came with 1.0.6.1 and 1.1.2, on two branches. */
static void judge_nft_ifname(const struct node_run *node)
{
	static const unsigned fixed_branch[] = {1, 0, 6, 1}, newer[] = {1, 1, 2};
	const struct host_version *nft = &node->sight.nft;
	const struct fact fact = node_fact(node, "nft");
	check_judged(node->run, &node_nft_ifname);
	if (host_version_compare(nft, fixed_branch, 4) != 0 &&
	    host_version_compare(nft, newer, 3) < 0)
		return;
	struct finding *finding =
		check_found(node->run, &node_nft_ifname, "Node", &fact, "has nft %s", nft->text);
	finding_fix(node->run, finding,
	            "nft list sets | grep -B1 'type ifname'    # which tables have such sets");
}

static void judge_nftables_service(const struct node_run *node)
{
	static const char *const files[] = {"/etc/nftables.conf", "/etc/sysconfig/nftables.conf"};
	check_judged(node->run, &node_flush_ruleset);
	if (!host_unit_enabled("nftables.service"))
		return;
	const char *file = host_file_says(files[0], "flush ruleset")   ? files[0]
	                   : host_file_says(files[1], "flush ruleset") ? files[1]
	                                                               : NULL;
	const struct fact fact = node_fact(node, file ? file : "/etc/systemd/system");
	struct finding *finding =
		file ? check_found(node->run, &node_flush_ruleset, "Node", &fact,
	                           "nftables.service is enabled, and says flush ruleset when it "
	                           "starts, reloads and stops")
		     : check_found(node->run, &node_flush_ruleset, "Node", &fact,
	                           "nftables.service is enabled, and says flush ruleset when it "
	                           "stops");
	finding_fix(node->run, finding,
	            "systemctl disable nftables.service    # without --now: stopping it flushes\n"
	            "# or, in a unit of your own, load the file after \"table inet filter; delete "
	            "table inet filter\" instead of \"flush ruleset\"");
}

static void judge_firewalld(const struct node_run *node)
{
	const struct fact fact = node_fact(node, "/etc/systemd/system");
	check_judged(node->run, &node_firewalld);
	if (!host_unit_enabled("firewalld.service"))
		return;
	struct finding *finding = check_found(node->run, &node_firewalld, "Node", &fact,
	                                      "firewalld.service is enabled");
	finding_fix(node->run, finding, "systemctl disable --now firewalld.service");
}

static void judge_repairs(const struct node_run *node)
{
	const struct host_repairs *repairs = &node->sight.repairs;
	const struct fact fact = node_fact(node, node->run->facts->config->nft_sync.socket);
	if (!repairs->known) {
		if (repairs->error != -ENOENT && repairs->error != -ECONNREFUSED)
			check_needs(node->run, &node_repairs, NEEDS_DAEMON);
		return;
	}
	check_judged(node->run, &node_repairs);
	if (repairs->count < 1)
		return;
	struct finding *finding =
		check_found(node->run, &node_repairs, "Node", &fact,
	                    "repaired %.0f times since the daemon started, last after %s by %s",
	                    repairs->count, repairs->what, repairs->process);
	finding_fix(node->run, finding,
	            "journalctl -u podsg-nft-sync    # every repair, with the process that made it "
	            "necessary");
}

void judge_node_tools(const struct node_run *node)
{
	judge_chain(node);
	if (node->sight.nft.text[0]) {
		judge_nft_old(node);
		judge_nft_ifname(node);
	}
	judge_nftables_service(node);
	judge_firewalld(node);
	judge_repairs(node);
}
