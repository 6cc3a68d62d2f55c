/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "common/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	struct error err = {0};
	int ret = config_parse("f", (const char *)data, size, &config, &err);

	if ((ret == 0) != (config != NULL) || (ret < 0) != (err.text[0] != '\0') || ret != err.code)
		abort();
	config_free(config);
	return 0;
}
