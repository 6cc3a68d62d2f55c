/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft-sync/check/check.h"

const struct check_group *const check_groups[] = {
	&check_teardown,
	NULL,
};
