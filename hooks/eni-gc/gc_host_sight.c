/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "hooks/eni-gc/gc_host_sight.h"
#include "hooks/sandbox_signs.h"

#define BROKEN_MAX 64 /* told of one by one */

static int take_attachment(void *context, const struct attachment *attachment)
{
	struct gc_sight *sight = context;
	struct gc_attachment *added = vector_push(&sight->attachments);
	if (!added)
		return -ENOMEM;
	added->attachment = *attachment;
	added->netns_there = sandbox_netns_sign(attachment) == NETNS_THERE;
	return 0;
}

static void take_broken(void *context, const char *file, const struct error *err)
{
	struct gc_sight *sight = context;
	(void)file;
	struct error *added = sight->broken.count < BROKEN_MAX ? vector_push(&sight->broken) : NULL;
	if (added)
		*added = *err;
}

static int take_kernel(struct gc_sight *sight, struct error *err)
{
	struct netlink netlink;
	int r = netlink_open(&netlink, NETLINK_ROUTE, err);
	if (r < 0)
		return r;
	r = network_state_read(&netlink, &sight->kernel, err);
	netlink_close(&netlink);
	return r;
}

int gc_sight_take(const char *journal, struct gc_sight *ret, struct error *err)
{
	struct gc_sight sight = {.attachments.item_size = sizeof(struct gc_attachment),
	                         .broken.item_size = sizeof(struct error)};
	const struct journal_visitor visitor = {
		.attachment = take_attachment, .broken = take_broken, .context = &sight};
	int r = boot_id_read(sight.boot, err);
	if (r == 0)
		r = journal_walk(journal, &visitor, err);
	if (r == 0)
		r = take_kernel(&sight, err);
	if (r < 0) {
		gc_sight_done(&sight);
		return error_set(err, r, "%s: %s", journal, strerror(-r));
	}
	*ret = sight;
	return 0;
}

void gc_sight_done(struct gc_sight *sight)
{
	vector_done(&sight->attachments);
	vector_done(&sight->broken);
	network_state_done(&sight->kernel);
}
