/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dnscache/node/nft_apart.h"

#define REFUSED 1 /* exit status */

static _Noreturn void run(struct nft_ctx *nft, const char *text, int out)
{
	int r = nft_run_cmd_from_buffer(nft, text);
	const char *said = nft_ctx_get_error_buffer(nft);
	/* Several lines, with a drawing; the first one tells. */
	ssize_t written = write(out, said, strcspn(said, "\n"));
	_exit(r == 0 && written >= 0 ? 0 : REFUSED);
}

/* Until the child closes its end. Returns whether it did so in time. */
static bool hear(int in, char *said, size_t room)
{
	struct pollfd readable = {.fd = in, .events = POLLIN};
	size_t used = 0;
	said[0] = '\0';
	while (poll(&readable, 1, NFT_APART_SECONDS * 1000) > 0) {
		ssize_t got = read(in, said + used, room - used - 1);
		if (got <= 0)
			return true;
		used += (size_t)got;
		said[used] = '\0';
		if (used + 1 == room)
			return true;
	}
	return false;
}

static int wait_for(pid_t child, bool in_time)
{
	int status;
	if (!in_time)
		(void)kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!in_time)
		return -ETIMEDOUT;
	if (!WIFEXITED(status))
		return -ECHILD;
	return WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int nft_apart(struct nft_ctx *nft, const char *text, char *said, size_t room)
{
	int ends[2];
	said[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t child = fork();
	if (child == 0)
		run(nft, text, ends[1]);
	int r = child < 0 ? -errno : 0;
	(void)close(ends[1]);
	if (r == 0)
		r = wait_for(child, hear(ends[0], said, room));
	(void)close(ends[0]);
	return r;
}
