/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "common/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct document *document = NULL;
	struct error err = {0};
	int ret = document_parse("f", DOCUMENT_YAML, (const char *)data, size, &document, &err);

	/* Either a document, or a reason why there is none. */
	if ((ret == 0) != (document != NULL) || (ret < 0) != (err.text[0] != '\0') ||
	    ret != err.code)
		abort();
	document_free(document);
	return 0;
}
