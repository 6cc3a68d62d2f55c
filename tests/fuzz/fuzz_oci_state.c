/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "hooks/oci-hook/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char sandbox[JOURNAL_SANDBOX_MAX + 1] = "";
	struct error err = {0};
	int r = oci_state_parse((const char *)data, size, sandbox, &err);
	if ((r < 0) != (err.text[0] != '\0') || r != err.code)
		abort();
	if ((r == 0) != (sandbox[0] != '\0'))
		abort();
	return 0;
}
