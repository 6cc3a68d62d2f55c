/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <string.h>

#include "hooks/oci-hook/gone.h"
#include "hooks/sandbox_signs.h"

/* The interface decides where it is known: the path may be one of another mount namespace. */
enum oci_verdict oci_sandbox_verdict(const struct attachment *attachment, const char *boot)
{
	bool netns = sandbox_netns_sign(attachment) != NETNS_ABSENT;
	if (boot[0] && attachment->boot[0] && strcmp(boot, attachment->boot) != 0)
		return OCI_GONE;
	if (attachment->interface_index > 0 && !sandbox_has_interface(attachment))
		return OCI_GONE;
	if (!attachment->netns[0] || netns)
		return OCI_ALIVE;
	return attachment->interface_index > 0 ? OCI_LEAVING : OCI_GONE;
}
