/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_FACTS_PLACE_H
#define PODSG_TESTS_FACTS_PLACE_H

/* Facts of documents in YAML, for tests of what is read of them. */

#include "nft-sync/check/facts.h"

struct facts_place {
	struct facts facts;
	struct config config;
	struct model *model; /* knows nothing of the documents */
};

/* For cmocka: *state becomes the place. */
int open_facts_place(void **state);
int close_facts_place(void **state);

/* Fails the test where the document is refused. */
void put_facts(struct facts_place *place, const char *name, const char *text);
void settle_facts(struct facts_place *place);

#endif
