/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FACTS_WITHHELD_H
#define PODSG_FACTS_WITHHELD_H

/* What live sources have, and do not let us read. */

#include "nft-sync/check/facts.h"

struct withheld {
	const char *what;  /* as commands name it: "cronjobs", "describe-subnets" */
	const char *needs; /* what a check says that it needs, instead of such a command */
};

/* Outlives no facts: the texts are copied. -ENOMEM. */
int facts_withhold(struct facts *facts, const char *what, const char *needs, struct error *err);

/* Whether the command, "kubectl get jobs,cronjobs -A -o json", would read it. */
bool is_withheld_by(const struct withheld *withheld, const char *command);
/* Whether anything of it is. */
bool facts_withheld(const struct facts *facts, const char *command);

#endif
