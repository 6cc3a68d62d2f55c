/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/clean_up_evidence.h"
#include "hooks/cni/cni_commands.h"
#include "hooks/cni/cni_daemon.h"
#include "hooks/cni/cni_link.h"
#include "hooks/cni/cni_sight.h"

#define PATIENCE 2000 /* milliseconds */

static enum cni_code check_link(struct netlink *netlink, const struct attachment *attachment,
                                struct cni_failure *failure)
{
	struct cni_link link;
	int r = cni_link_numbered(netlink, attachment->interface_index, &link);
	if (r == -ENODEV)
		return cni_fail(failure, CNI_NOT_AS_ADDED, "",
		                "the pod's interface %s (index %u) is gone", attachment->interface,
		                attachment->interface_index);
	if (r < 0)
		return cni_fail(failure, CNI_IO_FAILURE, strerror(-r),
		                "the kernel does not show %s", attachment->interface);
	if (strcmp(link.name, attachment->interface) != 0)
		return cni_fail(failure, CNI_NOT_AS_ADDED, "its rules go by its name",
		                "the pod's interface %s was renamed %s", attachment->interface,
		                link.name);
	return CNI_OK;
}

/* What is no veth, or leads nowhere, was not found from there by ADD either. */
static enum cni_code check_namespace(struct netlink *netlink, const struct cni_call *call,
                                     const struct attachment *attachment,
                                     struct cni_failure *failure)
{
	struct cni_link link;
	struct error err = {0};
	int r = cni_link_into(netlink, call->netns, call->ifname, &link, &err);
	if (r == -ENOENT)
		return cni_fail(failure, CNI_NOT_AS_ADDED, err.text,
		                "the pod's network namespace is gone");
	if (r == 0 && link.index != attachment->interface_index)
		return cni_fail(failure, CNI_NOT_AS_ADDED, "",
		                "%s in %s leads to %s, not to %s (index %u)", call->ifname,
		                call->netns, link.name, attachment->interface,
		                attachment->interface_index);
	return CNI_OK;
}

static enum cni_code check_interface(const struct cni_call *call,
                                     const struct attachment *attachment,
                                     struct cni_failure *failure)
{
	struct netlink netlink;
	struct error err = {0};
	if (!attachment->interface_index)
		return CNI_OK;
	if (netlink_open(&netlink, NETLINK_ROUTE, &err) < 0)
		return cni_fail(failure, CNI_IO_FAILURE, err.text, "no netlink socket");
	enum cni_code code = check_link(&netlink, attachment, failure);
	if (code == CNI_OK)
		code = check_namespace(&netlink, call, attachment, failure);
	netlink_close(&netlink);
	return code;
}

static enum cni_code check_address(const struct attachment *attachment,
                                   const struct prefix *address, struct cni_failure *failure)
{
	char text[PREFIX_TEXT_MAX];
	if (attachment->address_count == ATTACHMENT_ADDRESSES_MAX ||
	    evidence_has_address(attachment, address))
		return CNI_OK;
	return cni_fail(failure, CNI_NOT_AS_ADDED, "its rules do not know that address",
	                "prevResult gives %s %s, which ADD did not see", attachment->ifname,
	                prefix_text(address, text));
}

/* The rules are for what ADD saw; plugins behind this one may have given the pod more. */
static enum cni_code check_result(const struct cni_result *result,
                                  const struct attachment *attachment, struct cni_failure *failure)
{
	enum cni_code code = CNI_OK;
	if (cni_result_vlan(result) != attachment->vlan)
		return cni_fail(failure, CNI_NOT_AS_ADDED, "0: none",
		                "prevResult has VLAN %u, ADD saw %u", cni_result_vlan(result),
		                attachment->vlan);
	for (size_t i = 0; code == CNI_OK && i < result->address_count; i++)
		if (cni_address_is_of(result, &result->addresses[i], attachment->ifname))
			code = check_address(attachment, &result->addresses[i].address, failure);
	return code;
}

static enum cni_code check_rules(const struct config *config, const struct attachment *attachment,
                                 const struct cni_result *result, struct cni_failure *failure)
{
	struct cni_verdict verdict;
	if (attachment->state == ATTACHMENT_UNFILTERED && config->hooks.ignore_failure)
		return CNI_OK;
	/* It is to answer at once; until then it may be restarting. */
	cni_daemon_attach(config, attachment, cni_now() + PATIENCE, &verdict);
	if (verdict.kind == CNI_VERDICT_ENFORCED)
		return check_result(result, attachment, failure);
	if (verdict.kind == CNI_VERDICT_UNMANAGED)
		return CNI_OK;
	return cni_fail(failure, CNI_NOT_AS_ADDED, verdict.reason,
	                "the rules of %s/%s are not known to be in force", attachment->namespace,
	                attachment->pod);
}

static enum cni_code recall(const struct cni_call *call, const struct config *config,
                            struct attachment *ret, struct cni_failure *failure)
{
	struct error err = {0};
	int r = journal_read(config->hooks.journal, call->sandbox, call->ifname, ret, &err);
	if (r < 0)
		return cni_fail(failure, CNI_NOT_AS_ADDED, err.text,
		                "the journal does not know this sandbox");
	if (ret->state == ATTACHMENT_GONE)
		return cni_fail(failure, CNI_NOT_AS_ADDED, ret->left, "the sandbox was deleted");
	return CNI_OK;
}

enum cni_code cni_check(const struct cni_call *call, const struct config *config,
                        struct cni_failure *failure)
{
	struct attachment attachment;
	struct cni_result result;
	struct error err = {0};
	if (!call->previous.text)
		return cni_fail(failure, CNI_INVALID_CONFIG, "", "prevResult is missing");
	if (cni_result_read(&call->previous, &result, &err) < 0)
		return cni_fail(failure, CNI_UNDECODABLE, err.text, "prevResult cannot be read");
	enum cni_code code = recall(call, config, &attachment, failure);
	if (code == CNI_OK)
		code = check_interface(call, &attachment, failure);
	if (code == CNI_OK)
		code = check_rules(config, &attachment, &result, failure);
	return code;
}
