/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <unistd.h>

#include "hooks/eni-gc/gc_host_evidence.h"

static const char *const usual_sockets[] = {
	"/run/containerd/containerd.sock",
	"/run/crio/crio.sock",
	"/run/cri-dockerd.sock",
	"/run/k3s/containerd/containerd.sock",
};
#define USUAL_SOCKETS (sizeof(usual_sockets) / sizeof(usual_sockets[0]))
_Static_assert(USUAL_SOCKETS <= GC_RUNTIMES_MAX, "each may have a note");

static struct error *new_note(struct gc_evidence *evidence)
{
	return &evidence->notes[evidence->note_count++];
}

/* Whether it answered. */
static bool ask_runtime(struct gc_evidence *evidence, const char *socket)
{
	struct error failure = {0};
	if (gc_cri_ask(socket, &evidence->sandboxes, &failure) == 0)
		return true;
	(void)error_wrap(&failure, "runtime ignored");
	*new_note(evidence) = failure;
	return false;
}

static void ask_named(struct gc_evidence *evidence, const char *const *sockets, size_t count)
{
	evidence->runtimes_complete = true;
	for (size_t i = 0; i < count; i++)
		if (!ask_runtime(evidence, sockets[i]))
			evidence->runtimes_complete = false;
}

/* Docker's containerd may have its CRI turned off: then it has no sandboxes. */
static bool has_no_cri(struct gc_evidence *evidence)
{
	if (evidence->notes[evidence->note_count - 1].code != -EOPNOTSUPP)
		return false;
	evidence->note_count--;
	evidence->notes[evidence->note_count] = (struct error){0};
	return true;
}

static void ask_usual(struct gc_evidence *evidence)
{
	size_t answers = 0;
	bool failed = false;
	for (size_t i = 0; i < USUAL_SOCKETS; i++) {
		if (access(usual_sockets[i], F_OK) < 0)
			continue;
		if (ask_runtime(evidence, usual_sockets[i]))
			answers++;
		else if (!has_no_cri(evidence))
			failed = true;
	}
	evidence->runtimes_complete = answers > 0 && !failed;
}

static void ask_api_server(struct gc_evidence *evidence, const struct config *config)
{
	struct error failure = {0};
	int r = gc_pods_ask(config, &evidence->pods, &failure);
	if (r < 0 && r != -EOPNOTSUPP) {
		(void)error_wrap(&failure, "API server ignored");
		*new_note(evidence) = failure;
	}
	if (evidence->pods.unread > 0)
		(void)error_set(new_note(evidence), -EBADMSG,
		                "API server: %zu pods could not be understood",
		                evidence->pods.unread);
}

void gc_evidence_gather(const struct config *config, const char *const *sockets, size_t count,
                        struct gc_evidence *ret)
{
	*ret = (struct gc_evidence){0};
	if (count > 0)
		ask_named(ret, sockets, count);
	else
		ask_usual(ret);
	gc_cri_sort(&ret->sandboxes);
	ask_api_server(ret, config);
}

void gc_evidence_done(struct gc_evidence *evidence)
{
	gc_cri_done(&evidence->sandboxes);
	gc_pods_done(&evidence->pods);
}
