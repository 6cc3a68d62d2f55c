/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/cni/cni_commands.h"
#include "hooks/cni/cni_daemon.h"

#define PATIENCE 2000 /* milliseconds */

enum cni_code cni_status(const struct cni_call *call, const struct config *config,
                         struct cni_failure *failure)
{
	struct cni_verdict verdict;
	(void)call;
	/* Without an answer, pods start as they come: there is nothing that they would wait for. */
	if (config->hooks.ignore_failure)
		return CNI_OK;
	cni_daemon_status(config, cni_now() + PATIENCE, &verdict);
	switch (verdict.kind) {
	case CNI_VERDICT_ENFORCED:
	case CNI_VERDICT_UNMANAGED:
		return CNI_OK;
	case CNI_VERDICT_AWAY:
		return cni_fail(failure, CNI_UNAVAILABLE, verdict.reason,
		                "podsg-nft-sync does not answer: pods would wait for their rules");
	case CNI_VERDICT_REFUSED:
	case CNI_VERDICT_WAITING:
		break;
	}
	return cni_fail(failure, CNI_UNAVAILABLE_AND_LIMITED, verdict.reason,
	                "podsg-nft-sync is there, but its rules are not in force");
}
