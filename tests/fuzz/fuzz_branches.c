/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/config.h"
#include "nft-sync/answer/branches_file.h"
#include "nft-sync/resolve/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* branches.json is read back at a start: whoever can write /run/podsg must not crash the daemon. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *config;
	static char path[64];
	struct error err = {0};
	struct resolution *resolution = NULL;
	if (!config && config_load(NULL, &config, &err) < 0)
		abort();
	if (!path[0])
		snprintf(path, sizeof(path), "/tmp/podsg-fuzz-branches-%d", (int)getpid());
	FILE *file = fopen(path, "we");
	if (!file)
		return 0;
	if (size)
		(void)fwrite(data, 1, size, file);
	if (fclose(file) == 0 && branches_file_read(path, config, &resolution, &err) == 0) {
		for (size_t i = 1; i < resolution->branch_count; i++)
			if (resolution_branch(resolution, resolution->branches[i].interface) ==
			    NULL)
				abort();
		resolution_free(resolution);
	}
	unlink(path);
	return 0;
}
