/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CLOSING_H
#define PODSG_CLOSING_H

#include "common/config.h"
#include "common/error.h"

/*
 * For the boot, before pods start: where something names pods and no table of ours is there, makes
 * one that closes strict pods until the daemon puts their rules in its place. What was done, and
 * why nothing was, is logged.
 */
int close_strict_pods(const struct config *config, struct error *err);

#endif
