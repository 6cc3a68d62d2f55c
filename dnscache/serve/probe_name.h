/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_PROBE_NAME_H
#define PODSG_DNS_PROBE_NAME_H

/* What the daemon asks itself, over the path that pods' queries take, to see that it answers: any
 * worker says NOERROR to it without a look at cache or upstream. */

#include "dnscache/wire/name.h"

#include <string.h>

#define PROBE_NAME "\5probe\5podsg\7invalid"

static inline bool probe_name_equal(const struct dns_name *name)
{
	return name->length == sizeof(PROBE_NAME) &&
	       memcmp(name->wire, PROBE_NAME, sizeof(PROBE_NAME)) == 0;
}

#endif
