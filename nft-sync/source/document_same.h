/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DOCUMENT_SAME_H
#define PODSG_DOCUMENT_SAME_H

#include "common/document.h"

#include <stdbool.h>

/*
 * Whether two documents of a live source say the same of what podsg reads: an API server sends an
 * object anew for every heartbeat. Compares the Kubernetes objects, names and lines left out; a
 * document that holds anything else is like no other.
 */
bool document_same(const struct document *a, const struct document *b);

#endif
