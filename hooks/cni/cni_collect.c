/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/vector.h"
#include "hooks/cni/cni_collect.h"
#include "hooks/cni/cni_commands.h"
#include "hooks/cni/cni_release.h"
#include "hooks/sandbox_signs.h"

#define LOCK_PATIENCE 2000 /* milliseconds */

struct candidates {
	const struct vector *valid;
	struct vector list; /* of struct attachment */
};

static int read_name(const struct json_slice *element, struct vector *names, struct error *err)
{
	cJSON *tree = json_tree(element);
	const char *sandbox =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "containerID"));
	const char *ifname = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "ifname"));
	int r = sandbox && ifname
	                ? attachment_check_name(sandbox, ifname, err)
	                : error_set(err, -EBADMSG, "element %zu: expected containerID and ifname",
	                            names->count);
	struct cni_name *name = r == 0 ? vector_push(names) : NULL;
	if (name) {
		(void)snprintf(name->sandbox, sizeof(name->sandbox), "%s", sandbox);
		(void)snprintf(name->ifname, sizeof(name->ifname), "%s", ifname);
	} else if (r == 0) {
		r = error_set(err, -ENOMEM, "no memory");
	}
	cJSON_Delete(tree);
	return r;
}

int cni_names_read(const struct json_slice *list, struct vector *ret, struct error *err)
{
	struct json_cursor cursor;
	struct json_walk walk;
	struct json_slice element;
	json_open(&cursor, NULL, list->text, list->length);
	int r = json_enter(&cursor, '[', &walk, err);
	while (r >= 0 && (r = json_next_element(&walk, err)) > 0) {
		r = json_skip(&cursor, &element, err);
		if (r == 0)
			r = read_name(&element, ret, err);
	}
	return r;
}

static bool is_listed(const struct vector *valid, const struct attachment *attachment)
{
	const struct cni_name *names = valid->items;
	for (size_t i = 0; i < valid->count; i++)
		if (strcmp(names[i].sandbox, attachment->sandbox) == 0 &&
		    strcmp(names[i].ifname, attachment->ifname) == 0)
			return true;
	return false;
}

static int take_unlisted(void *context, const struct attachment *attachment)
{
	struct candidates *candidates = context;
	if (is_listed(candidates->valid, attachment))
		return 0;
	struct attachment *candidate = vector_push(&candidates->list);
	if (!candidate)
		return -ENOMEM;
	*candidate = *attachment;
	return 0;
}

static void report_broken(void *context, const char *file, const struct error *err)
{
	(void)context;
	(void)file;
	log_text(LOG_LEVEL_WARNING, "journal-not-read", err->text);
}

/*
 * The runtime's list is not all that there is: two runtimes on one node have a list each. What the
 * kernel still shows is alive, until its own runtime says DEL.
 */
static bool is_alive(const struct attachment *attachment)
{
	bool has_interface = sandbox_has_interface(attachment);
	if (attachment->interface_index || has_interface)
		return has_interface;
	enum netns_sign netns = sandbox_netns_sign(attachment);
	return netns == NETNS_THERE || netns == NETNS_OURS;
}

/* Judged under the lock, by what the journal says then. */
static int collect_locked(const char *journal, int lock, const struct attachment *candidate,
                          struct error *err)
{
	struct attachment attachment;
	char boot[BOOT_ID_SIZE];
	char text[512];
	int r = journal_read(journal, candidate->sandbox, candidate->ifname, &attachment, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = boot_id_read(boot, err);
	if (r < 0)
		return r;
	if (strcmp(boot, attachment.boot) == 0 && is_alive(&attachment)) {
		(void)snprintf(text, sizeof(text),
		               "%s is not in the runtime's list, but the kernel shows %s",
		               attachment.sandbox,
		               attachment.interface[0] ? attachment.interface : attachment.netns);
		log_text(LOG_LEVEL_WARNING, "kept", text);
		return 0;
	}
	return cni_release(journal, lock, &attachment, err);
}

static int collect(const char *journal, const struct attachment *candidate)
{
	struct error err = {0};
	int lock = journal_lock(journal, LOCK_PATIENCE, &err);
	int r = lock;
	if (lock >= 0) {
		r = collect_locked(journal, lock, candidate, &err);
		close(lock);
	}
	if (r < 0)
		log_text(LOG_LEVEL_WARNING, "clean-up-not-complete", err.text);
	return r;
}

static int collect_all(const char *journal, const struct vector *valid, size_t *ret_failed,
                       struct error *err)
{
	struct candidates candidates = {.valid = valid,
	                                .list = {.item_size = sizeof(struct attachment)}};
	const struct journal_visitor visitor = {
		.attachment = take_unlisted, .broken = report_broken, .context = &candidates};
	int r = journal_walk(journal, &visitor, err);
	const struct attachment *list = candidates.list.items;
	for (size_t i = 0; i < candidates.list.count; i++)
		*ret_failed += collect(journal, &list[i]) < 0;
	vector_done(&candidates.list);
	return r < 0 ? error_set(err, r, "%s", strerror(-r)) : 0;
}

enum cni_code cni_collect(const struct cni_call *call, const struct config *config,
                          struct cni_failure *failure)
{
	struct vector valid = {.item_size = sizeof(struct cni_name)};
	struct error err = {0};
	size_t failed = 0;
	enum cni_code code = CNI_OK;
	if (!call->valid.text)
		return cni_fail(failure, CNI_INVALID_CONFIG, "",
		                "cni.dev/valid-attachments is missing");
	if (cni_names_read(&call->valid, &valid, &err) < 0)
		code = cni_fail(failure, CNI_INVALID_CONFIG, err.text,
		                "cni.dev/valid-attachments cannot be read");
	else if (collect_all(config->hooks.journal, &valid, &failed, &err) < 0)
		code = cni_fail(failure, CNI_IO_FAILURE, err.text, "the journal cannot be read");
	else if (failed)
		code = cni_fail(failure, CNI_IO_FAILURE,
		                "why is on standard error; podsg-nft-sync goes on with what was "
		                "begun, the next GC with the others",
		                "%zu sandboxes could not be cleaned up", failed);
	vector_done(&valid);
	return code;
}
