/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_ATTACHMENT_POD_H
#define PODSG_ATTACHMENT_POD_H

/* Which pod an attachment of the journal is of. */

#include "common/journal.h"
#include "nft-sync/model/model.h"

/* Plain containerd says nothing of pods: then addresses tell. */
bool attachment_has_pod(const struct attachment *attachment);

/*
 * A pod of a document: by name, whose uid must be the attachment's where both have one; without a
 * name the pod of this node that has one of its addresses. NULL: none is known.
 */
const struct pod *attachment_pod(const struct attachment *attachment, const char *node,
                                 struct model *model);

#endif
