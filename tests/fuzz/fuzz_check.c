/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Documents of any kind, down to what podsgctl check finds in them. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "nft-sync/check/check_documents.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct facts *facts)
{
	struct check_run run;
	if (check_run_open(&run, facts) < 0)
		return;
	for (const struct check_group *const *group = check_groups; *group; group++)
		if (!(*group)->of_the_node)
			(*group)->run(&run);
	check_run_close(&run);
}

static void read_document(struct facts *facts, enum document_format format, const char *text,
                          size_t length)
{
	struct document *document;
	if (document_parse("fuzz", format, text, length, &document, NULL) == 0)
		(void)model_put(facts->model, document, NULL);
	if (facts_put(facts, "fuzz", format, text, length, NULL) == 0 &&
	    facts_settle(facts, NULL) == 0)
		judge(facts);
}

/* Behind a first byte that says whether it is JSON or YAML. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *config;
	struct model *model = model_new();
	struct facts facts = {0};
	/* Only read. */
	if (!config &&
	    config_parse("fuzz", "version: 1\n", sizeof("version: 1\n") - 1, &config, NULL) < 0)
		abort();
	if (size > 0 && model && facts_open(&facts, model, config, NULL) == 0)
		read_document(&facts, data[0] % 2 ? DOCUMENT_YAML : DOCUMENT_JSON,
		              (const char *)data + 1, size - 1);
	facts_close(&facts);
	model_free(model);
	return 0;
}
