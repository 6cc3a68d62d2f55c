/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CNI_COLLECT_H
#define PODSG_CNI_COLLECT_H

#include "common/journal.h"
#include "common/json.h"
#include "common/vector.h"

/* One of the attachments that a runtime calls valid. */
struct cni_name {
	char sandbox[JOURNAL_SANDBOX_MAX + 1];
	char ifname[16];
};

/* Adds all of the list to a vector of struct cni_name. -EBADMSG, -EINVAL, -ENAMETOOLONG: one of
 * them is none, and the list is not to be believed. */
int cni_names_read(const struct json_slice *list, struct vector *ret, struct error *err);

#endif
