/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "hooks/cni/cni_commands.h"
#include "hooks/cni/cni_daemon.h"
#include "hooks/cni/cni_link.h"
#include "hooks/cni/cni_sight.h"

#define PATIENCE 2000 /* milliseconds */

static enum cni_code check_interface(const struct attachment *attachment,
                                     struct cni_failure *failure)
{
	struct netlink netlink;
	struct cni_link link;
	struct error err = {0};
	if (!attachment->interface_index)
		return CNI_OK;
	if (netlink_open(&netlink, NETLINK_ROUTE, &err) < 0)
		return cni_fail(failure, CNI_IO_FAILURE, err.text, "no netlink socket");
	int r = cni_link_numbered(&netlink, attachment->interface_index, &link);
	netlink_close(&netlink);
	if (r < 0 && r != -ENODEV)
		return cni_fail(failure, CNI_IO_FAILURE, strerror(-r),
		                "the kernel does not show %s", attachment->interface);
	if (r < 0 || strcmp(link.name, attachment->interface) != 0)
		return cni_fail(failure, CNI_NOT_AS_ADDED, "",
		                "the pod's interface %s (index %u) is gone", attachment->interface,
		                attachment->interface_index);
	return CNI_OK;
}

static enum cni_code check_rules(const struct config *config, const struct attachment *attachment,
                                 struct cni_failure *failure)
{
	struct cni_verdict verdict;
	if (attachment->state == ATTACHMENT_UNFILTERED && config->hooks.ignore_failure)
		return CNI_OK;
	/* It is to answer at once; until then it may be restarting. */
	cni_daemon_attach(config, attachment, cni_now() + PATIENCE, &verdict);
	if (verdict.kind == CNI_VERDICT_ENFORCED || verdict.kind == CNI_VERDICT_UNMANAGED)
		return CNI_OK;
	return cni_fail(failure, CNI_NOT_AS_ADDED, verdict.reason,
	                "the rules of %s/%s are not known to be in force", attachment->namespace,
	                attachment->pod);
}

enum cni_code cni_check(const struct cni_call *call, const struct config *config,
                        struct cni_failure *failure)
{
	struct attachment attachment;
	struct error err = {0};
	if (!call->previous.text)
		return cni_fail(failure, CNI_INVALID_CONFIG, "", "prevResult is missing");
	int r = journal_read(config->hooks.journal, call->sandbox, call->ifname, &attachment, &err);
	if (r < 0)
		return cni_fail(failure, CNI_NOT_AS_ADDED, err.text,
		                "the journal does not know this sandbox");
	if (attachment.state == ATTACHMENT_GONE)
		return cni_fail(failure, CNI_NOT_AS_ADDED, attachment.left,
		                "the sandbox was deleted");
	enum cni_code code = check_interface(&attachment, failure);
	return code == CNI_OK ? check_rules(config, &attachment, failure) : code;
}
