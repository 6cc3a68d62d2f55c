/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/cni/cni_call.h"
#include "hooks/cni/cni_collect.h"
#include "hooks/cni/cni_sight.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_result(const struct json_slice *text)
{
	const struct cni_call call = {.sandbox = "s", .ifname = "eth0", .netns = ""};
	struct cni_result result;
	struct attachment attachment;
	struct error err = {0};
	if (cni_result_read(text, &result, &err) < 0) {
		if (!err.text[0])
			abort();
		return;
	}
	if (cni_sight_recall(&call, &result, &attachment, &err) < 0)
		return;
	if (attachment.vlan > 4094 || (attachment.vlan > 0) != (attachment.device[0] != '\0') ||
	    attachment.address_count > ATTACHMENT_ADDRESSES_MAX)
		abort();
}

static void read_names(const struct json_slice *list)
{
	struct vector names = {.item_size = sizeof(struct cni_name)};
	struct error err = {0};
	if (cni_names_read(list, &names, &err) < 0 && !err.text[0])
		abort();
	vector_done(&names);
}

/* What a runtime writes to standard input: other plugins' words are in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cni_call call = {0};
	struct cni_failure failure = {0};
	if (cni_call_parse(&call, (const char *)data, size, &failure) != failure.code)
		abort();
	if (call.previous.text)
		read_result(&call.previous);
	if (call.valid.text)
		read_names(&call.valid);
	return 0;
}
