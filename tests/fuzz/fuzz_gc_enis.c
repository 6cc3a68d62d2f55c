/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What EC2 answers to podsg-eni-gc, down to what is known of interfaces, groups and instances; and
 * the file of its sightings. */

#include <stddef.h>
#include <stdint.h>

#include "hooks/eni-gc/gc_eni_judge.h"
#include "hooks/eni-gc/gc_sightings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct gc_enis *enis)
{
	for (size_t i = 0; i < enis->count; i++) {
		(void)gc_eni_use(&enis->items[i]);
		(void)gc_branch_doubt(&enis->items[i]);
		(void)gc_leftover_doubt(&enis->items[i]);
		(void)gc_is_of_cluster(&enis->items[i].tags, "prod");
	}
}

static void read_items(struct ec2_items *items)
{
	struct gc_enis enis = {0};
	struct gc_groups groups = {0};
	struct gc_instances instances = {0};
	switch (ec2_items_kind(items)) {
	case EC2_INTERFACE_USES:
		if (gc_enis_read(items, &enis, NULL) == 0)
			judge(&enis);
		break;
	case EC2_GROUP_USES:
		(void)gc_groups_read(items, &groups, NULL);
		break;
	case EC2_INSTANCES:
		(void)gc_instances_read(items, &instances, NULL);
		break;
	default:
		break;
	}
	arena_free(enis.arena);
	arena_free(groups.arena);
	arena_free(instances.arena);
}

static void read_answer(enum ec2_kind kind, const char *text, size_t length)
{
	struct ec2_items *items;
	struct ec2_page *page;
	const char *token;
	if (ec2_items_new(kind, &items, NULL) < 0)
		return;
	if (ec2_page_open(items, &page, NULL) == 0) {
		if (ec2_page_feed(page, text, length, NULL) == 0 &&
		    ec2_page_finish(page, &token, NULL) == 0)
			read_items(items);
		ec2_page_close(page);
	}
	ec2_items_free(items);
}

/* The first byte, a letter, says what it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum ec2_kind kinds[] = {EC2_INTERFACE_USES, EC2_GROUP_USES, EC2_GROUP_VPCS,
	                                      EC2_INSTANCES, EC2_DELETE_INTERFACE};
	struct gc_sightings sightings = {0};
	if (size == 0)
		return 0;
	const char *text = (const char *)data + 1;
	size_t kind = (size_t)data[0] % 8;
	if (kind < sizeof(kinds) / sizeof(kinds[0]))
		read_answer(kinds[kind], text, size - 1);
	else if (gc_sightings_parse("s.json", "enis:r:prod", text, size - 1, &sightings, NULL) == 0)
		gc_sightings_done(&sightings);
	return 0;
}
