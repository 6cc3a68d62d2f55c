/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/corefile/corefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing has no line. */
static bool names_a_line(const char *text)
{
	return (strncmp(text, "f:", 2) == 0 && text[2] >= '1' && text[2] <= '9') ||
	       strcmp(text, "f: no server block") == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct corefile_values values = {
		.cluster_dns = "10.96.0.10",
		.local_dns = "169.254.20.10 fd00::10",
		.upstream_servers = "192.0.2.1 192.0.2.2",
		.domain = "cluster.local",
		.port = 53,
	};
	struct corefile *corefile = NULL;
	struct error err = {0};
	int r = corefile_parse("f", NULL, (const char *)data, size, &values, &corefile, &err);

	/* Either settings, or a reason why there are none. */
	if ((r == 0) != (corefile != NULL) || (r < 0) != (err.text[0] != '\0') || r != err.code)
		abort();
	if (r < 0 && !names_a_line(err.text))
		abort();
	corefile_free(corefile);
	return 0;
}
