/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clean_up_entry.h"
#include "common/vector.h"
#include "hooks/oci-hook/gone.h"
#include "hooks/oci-hook/sandbox.h"

#define ATTACHMENTS_MAX 32 /* of one sandbox */
#define LOCK_WAIT 3000     /* milliseconds */
/* A namespace whose last user has left is taken down by a kernel thread some time later. */
#define LEAVING_WAIT 1000 /* milliseconds */
#define LEAVING_STEP 10

struct sandbox {
	const char *journal;
	const char *id;
	char boot[BOOT_ID_SIZE];
	struct vector attachments; /* struct attachment */
	void (*say)(const char *event, const char *thing, const char *why);
};

static int take(void *context, const struct attachment *attachment)
{
	struct sandbox *sandbox = context;
	if (strcmp(attachment->sandbox, sandbox->id) != 0)
		return 0;
	struct attachment *copy = sandbox->attachments.count < ATTACHMENTS_MAX
	                                  ? vector_push(&sandbox->attachments)
	                                  : NULL;
	if (!copy)
		return -ENOMEM;
	*copy = *attachment;
	return 0;
}

static int read_attachments(struct sandbox *sandbox, struct error *err)
{
	const struct journal_visitor visitor = {.attachment = take, .context = sandbox};
	sandbox->attachments.count = 0;
	return journal_walk(sandbox->journal, &visitor, err);
}

static bool is_leaving(const struct sandbox *sandbox)
{
	const struct attachment *attachments = sandbox->attachments.items;
	for (size_t i = 0; i < sandbox->attachments.count; i++)
		if (oci_sandbox_verdict(&attachments[i], sandbox->boot) == OCI_LEAVING)
			return true;
	return false;
}

/* Not under the lock, for which ADDs of other pods wait. */
static void wait_until_left(const struct sandbox *sandbox)
{
	static const struct timespec step = {.tv_nsec = LEAVING_STEP * 1000 * 1000};
	for (int waited = 0; waited < LEAVING_WAIT && is_leaving(sandbox); waited += LEAVING_STEP)
		(void)nanosleep(&step, NULL);
}

static void say_thing(void *context, enum clean_up_outcome outcome, const char *thing,
                      const char *why)
{
	static const char *const events[] = {
		[CLEAN_UP_REMOVED] = "removed",
		[CLEAN_UP_KEPT] = "kept",
		[CLEAN_UP_FAILED] = "not-removed",
	};
	const struct sandbox *sandbox = context;
	sandbox->say(events[outcome], thing, why);
}

static int clean_up_one(struct sandbox *sandbox, const struct attachment *attachment,
                        struct error *err)
{
	const struct clean_up_options options = {
		.journal = sandbox->journal, .say = say_thing, .context = sandbox};
	if (oci_sandbox_verdict(attachment, sandbox->boot) != OCI_GONE) {
		sandbox->say("alive", attachment->interface, attachment->netns);
		return 0;
	}
	return clean_up_entry(&options, attachment, err);
}

static int clean_up_all(struct sandbox *sandbox, struct error *err)
{
	const struct attachment *attachments = sandbox->attachments.items;
	int result = 0;
	for (size_t i = 0; i < sandbox->attachments.count; i++) {
		int r = clean_up_one(sandbox, &attachments[i], err);
		if (result == 0)
			result = r;
	}
	return result;
}

/* Read again under the lock: a restarted container may have a new network under its old id. */
static int clean_up_locked(struct sandbox *sandbox, struct error *err)
{
	int lock = journal_lock(sandbox->journal, LOCK_WAIT, err);
	if (lock < 0)
		return lock;
	int r = read_attachments(sandbox, err);
	if (r == 0)
		r = clean_up_all(sandbox, err);
	(void)close(lock);
	return r;
}

int oci_sandbox_clean_up(const char *journal, const char *sandbox,
                         void (*say)(const char *event, const char *thing, const char *why),
                         struct error *err)
{
	struct sandbox ended = {.journal = journal,
	                        .id = sandbox,
	                        .attachments = {.item_size = sizeof(struct attachment)},
	                        .say = say};
	/* Without it, nothing is taken for a thing of another boot. */
	if (boot_id_read(ended.boot, NULL) < 0)
		ended.boot[0] = '\0';
	int r = read_attachments(&ended, err);
	if (r < 0 || ended.attachments.count == 0)
		goto free;
	wait_until_left(&ended);
	r = clean_up_locked(&ended, err);
free:
	vector_done(&ended.attachments);
	return r;
}
