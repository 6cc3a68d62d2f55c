/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONFLIST_ROUND_H
#define PODSG_CONFLIST_ROUND_H

/*
 * One look at the directory of network configurations, and what has to be done there.
 *
 * Ours belongs into the network that the runtimes choose: of all files *.conflist, *.conf and
 * *.json, sorted by name as strcmp() does, the first one that is valid (ocicni; containerd's go-cni
 * takes the first one and fails while that is not valid).
 */

#include <stdbool.h>

#include "hooks/conflist/report.h"

#define CONFLIST_FILES_MAX 1024

struct conflist_options {
	const char *directory;
	const char *binary;  /* of the plugin; where it is missing, its entries are taken out */
	const char *network; /* name of the one that ours belongs into; "": the active one */
	const char *moves;   /* file in which moves are counted */
	bool remove;         /* out of all files */
	bool check;          /* nothing is written */
};

/* The report, opened by the caller, takes all errors as well. */
void conflist_round(const struct conflist_options *options, struct conflist_report *report);

#endif
