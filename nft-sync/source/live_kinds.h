/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_LIVE_KINDS_H
#define PODSG_LIVE_KINDS_H

#include "nft-sync/source/live_sources.h"

/* The live sources that there are; NULL behind the last. */
extern const struct live_kind *const live_kinds[];

#endif
