/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <unistd.h>

#include "common/log.h"
#include "hooks/cni/cni_commands.h"
#include "hooks/cni/cni_release.h"
#include "hooks/cni/cni_sight.h"

#define LOCK_PATIENCE 5000 /* milliseconds: a hundred others may be before us */

/* A broken result is one less to know from. */
static int recall(const struct cni_call *call, struct attachment *ret, struct error *err)
{
	struct cni_result result;
	struct error unread = {0};
	bool readable =
		call->previous.text && cni_result_read(&call->previous, &result, &unread) == 0;
	if (unread.code)
		log_text(LOG_LEVEL_WARNING, "prev-result-not-read", unread.text);
	return cni_sight_recall(call, readable ? &result : NULL, ret, err);
}

/* The journal knows best; a broken file of it is as good as none. */
static int find(const struct cni_call *call, const char *journal, struct attachment *ret,
                struct error *err)
{
	struct error unread = {0};
	int r = journal_read(journal, call->sandbox, call->ifname, ret, &unread);
	if (r == 0)
		return 0;
	if (r != -ENOENT)
		log_text(LOG_LEVEL_WARNING, "journal-not-read", unread.text);
	return recall(call, ret, err);
}

enum cni_code cni_delete(const struct cni_call *call, const struct config *config,
                         struct cni_failure *failure)
{
	const char *journal = config->hooks.journal;
	struct attachment gone;
	struct error unlocked = {0};
	struct error err = {0};
	(void)failure;
	int lock = journal_lock(journal, LOCK_PATIENCE, &unlocked);
	if (lock < 0)
		log_text(LOG_LEVEL_WARNING, "journal-not-locked", unlocked.text);
	int r = find(call, journal, &gone, &err);
	if (r == 0)
		r = cni_release(journal, lock, &gone, &err);
	if (r < 0)
		log_text(LOG_LEVEL_WARNING, "clean-up-not-complete", err.text);
	if (lock >= 0)
		close(lock);
	return CNI_OK;
}
