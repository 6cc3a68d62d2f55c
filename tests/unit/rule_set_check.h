/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_RULE_SET_CHECK_H
#define PODSG_TESTS_RULE_SET_CHECK_H

#include "nft-sync/compile/rule_set.h"

/* What rule_set.h promises of every compiled set. NULL, or the promise that is broken. */
const char *rule_set_broken_promise(const struct rule_set *set);

#endif
