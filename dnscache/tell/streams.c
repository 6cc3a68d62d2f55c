/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dnscache/tell/streams.h"

/* Whether it waits is said of the open file, which a shell or a parent may use, too: a pipe or a
 * terminal can be opened once more. A socket can't; journald gives each process its own. */
static void never_wait(int fd)
{
	struct stat status;
	char path[32];
	if (fstat(fd, &status) < 0 || S_ISREG(status.st_mode))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int own = S_ISSOCK(status.st_mode)
	                  ? -1
	                  : open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0) {
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		return;
	}
	(void)dup2(own, fd);
	(void)close(own);
}

void streams_open(void)
{
	never_wait(STDOUT_FILENO);
	never_wait(STDERR_FILENO);
}
