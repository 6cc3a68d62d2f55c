/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "hooks/cni/cni_commands.h"
#include "hooks/cni/cni_daemon.h"
#include "hooks/cni/cni_sight.h"

#define POD_NAME_SIZE 384
#define LOCK_LEAST 500 /* milliseconds: what was waited for must not be lost for want of a lock */

static enum cni_code see(const struct cni_call *call, const struct config *config,
                         struct cni_sight *ret, struct cni_failure *failure)
{
	struct cni_result result;
	struct error err = {0};
	if (!call->previous.text)
		return cni_fail(
			failure, CNI_INVALID_CONFIG,
			"podsg-cni makes no interface: its place is behind a plugin that does",
			"prevResult is missing");
	if (cni_result_read(&call->previous, &result, &err) < 0)
		return cni_fail(failure, CNI_UNDECODABLE, err.text, "prevResult cannot be read");
	if (cni_sight_see(call, config, &result, ret, &err) < 0)
		return cni_fail(failure, CNI_IO_FAILURE, err.text,
		                "the pod's network cannot be examined");
	return CNI_OK;
}

static int lock_until(const struct config *config, int64_t deadline, struct error *err)
{
	int64_t left = deadline - cni_now();
	return journal_lock(config->hooks.journal, left < LOCK_LEAST ? LOCK_LEAST : (unsigned)left,
	                    err);
}

static enum cni_code fail_journal(const struct error *err, struct cni_failure *failure)
{
	if (err->code == -ECANCELED)
		return cni_fail(failure, CNI_DELETED, "",
		                "the sandbox was deleted while it was added");
	return cni_fail(failure, err->code == -ETIMEDOUT ? CNI_TRY_AGAIN : CNI_IO_FAILURE,
	                err->text, "the journal of sandboxes cannot be written");
}

static enum cni_code record(const struct config *config, struct attachment *attachment,
                            int64_t deadline, struct cni_failure *failure)
{
	struct error err = {0};
	int lock = lock_until(config, deadline, &err);
	int r = lock;
	if (lock >= 0) {
		attachment->created = journal_stamp(lock);
		r = journal_write(config->hooks.journal, attachment, &err);
		close(lock);
	}
	if (r == 0)
		return CNI_OK;
	attachment->created = 0;
	return fail_journal(&err, failure);
}

/* A DEL of the same sandbox may have come while we waited: what it has removed stays away. */
static int advance(const char *journal, struct attachment *attachment, enum attachment_state state,
                   struct error *err)
{
	struct attachment recorded;
	struct error unread = {0};
	int r = journal_read(journal, attachment->sandbox, attachment->ifname, &recorded, &unread);
	if (r == -ENOENT || (r == 0 && (recorded.created != attachment->created ||
	                                recorded.state != ATTACHMENT_ADDING)))
		return error_set(err, -ECANCELED, "deleted");
	if (r < 0)
		return error_set(err, r, "%s", unread.text);
	attachment->state = state;
	return journal_update(journal, attachment, err);
}

static enum cni_code settle(const struct config *config, struct attachment *attachment,
                            enum attachment_state state, int64_t deadline,
                            struct cni_failure *failure)
{
	struct error err = {0};
	int lock = lock_until(config, deadline, &err);
	int r = lock;
	if (lock >= 0) {
		r = advance(config->hooks.journal, attachment, state, &err);
		close(lock);
	}
	return r < 0 ? fail_journal(&err, failure) : CNI_OK;
}

static const char *pod_name(const struct attachment *attachment, char buffer[static POD_NAME_SIZE])
{
	if (attachment->pod[0])
		(void)snprintf(buffer, POD_NAME_SIZE, "pod %s/%s", attachment->namespace,
		               attachment->pod);
	else
		(void)snprintf(buffer, POD_NAME_SIZE, "sandbox %.12s", attachment->sandbox);
	return buffer;
}

/*
 * The IP layer sees a bridge where a packet came in by one of its ports, and sees nothing at all of
 * what is passed on between ports: rules on the host's end of a veth are never asked.
 */
static enum cni_code judge_path(const struct cni_sight *sight, struct cni_failure *failure)
{
	char pod[POD_NAME_SIZE];
	if (!sight->bridge[0])
		return CNI_OK;
	return cni_fail(
		failure, CNI_UNFILTERABLE,
		"packets of a bridge's port pass no rules: use a CNI plugin that routes, such "
		"as ptp",
		"%s has security groups, but %s is a port of bridge %s",
		pod_name(&sight->attachment, pod), sight->attachment.interface, sight->bridge);
}

static enum cni_code await(const struct config *config, const struct cni_sight *sight,
                           int64_t deadline, struct cni_failure *failure)
{
	struct cni_verdict verdict;
	char pod[POD_NAME_SIZE];
	cni_daemon_attach(config, &sight->attachment, deadline, &verdict);
	pod_name(&sight->attachment, pod);
	switch (verdict.kind) {
	case CNI_VERDICT_ENFORCED:
		return judge_path(sight, failure);
	case CNI_VERDICT_UNMANAGED:
		return CNI_OK;
	case CNI_VERDICT_WAITING:
		return cni_fail(
			failure, CNI_TRY_AGAIN, verdict.reason,
			"the rules of %s are not in force after %u ms; podsgctl status says "
			"more",
			pod, config->hooks.attach_timeout);
	case CNI_VERDICT_REFUSED:
		return cni_fail(failure, CNI_TRY_AGAIN, verdict.reason,
		                "podsg-nft-sync cannot say whether the rules of %s are in force",
		                pod);
	case CNI_VERDICT_AWAY:
		break;
	}
	return cni_fail(
		failure, CNI_TRY_AGAIN, verdict.reason,
		"podsg-nft-sync does not say that the rules of %s are in force: is it running?",
		pod);
}

static enum cni_code put_in_force(const struct config *config, struct cni_sight *sight,
                                  int64_t deadline, struct cni_failure *failure)
{
	enum cni_code code = record(config, &sight->attachment, deadline, failure);
	if (code == CNI_OK)
		code = await(config, sight, deadline, failure);
	if (code == CNI_OK)
		code = settle(config, &sight->attachment, ATTACHMENT_READY, deadline, failure);
	return code;
}

/* failurePolicy: ignore. nft-sync finds the record and makes it known. */
static void let_pass(const struct config *config, struct cni_sight *sight,
                     const struct cni_failure *why)
{
	struct cni_failure unrecorded;
	char text[1100];
	(void)snprintf(text, sizeof(text), "%s (%s)", why->message, why->details);
	log_text(LOG_LEVEL_WARNING, "started-without-rules", text);
	if (sight->attachment.created && settle(config, &sight->attachment, ATTACHMENT_UNFILTERED,
	                                        cni_now(), &unrecorded) != CNI_OK)
		log_text(LOG_LEVEL_WARNING, "not-recorded", unrecorded.message);
}

enum cni_code cni_add(const struct cni_call *call, const struct config *config,
                      struct cni_failure *failure)
{
	int64_t deadline = cni_now() + config->hooks.attach_timeout;
	struct cni_sight sight = {0};
	enum cni_code code = see(call, config, &sight, failure);
	if (code != CNI_OK)
		return code;
	code = put_in_force(config, &sight, deadline, failure);
	if (code == CNI_OK || code == CNI_DELETED || !config->hooks.ignore_failure)
		return code;
	let_pass(config, &sight, failure);
	return CNI_OK;
}
