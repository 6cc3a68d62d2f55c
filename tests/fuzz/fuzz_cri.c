/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/eni-gc/gc_cri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a runtime answers: every sandbox of the list has an id and is found by it, and a list
 * that is refused adds none. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gc_sandboxes list = {0};
	struct error err = {0};
	int r = gc_cri_parse("fuzz", data, size, &list, &err);
	if (r < 0 && (list.list.count > 0 || !err.text[0]))
		abort();
	gc_cri_sort(&list);
	const struct gc_sandbox *items = list.list.items;
	for (size_t i = 0; i < list.list.count; i++) {
		const struct gc_sandbox *found = gc_cri_find(&list, items[i].id);
		if (!items[i].id[0] || !found || (items[i].ready && !found->ready))
			abort();
	}
	gc_cri_done(&list);
	return 0;
}
