/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft-sync/source/live_kinds.h"
#include "nft-sync/source/source_ec2.h"
#include "nft-sync/source/source_kubernetes.h"

const struct live_kind *const live_kinds[] = {&source_kubernetes_kind, &source_ec2_kind, NULL};
