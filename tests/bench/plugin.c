/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * Runs a CNI plugin as a runtime does, whose own cost is next to nothing, and stands in for
 * podsg-nft-sync meanwhile: every pod's rules are in force. Prints "WALL CPU WAIT" in microseconds;
 * WAIT is what of WALL passed between a connection and its answer. The plugin's exit status.
 *
 *     plugin SOCKET INPUT PROGRAM
 */

extern char **environ;

static const char answer[] = "{\"ok\": true, \"state\": \"enforced\", \"reason\": \"\"}\n";

struct run {
	int listener;
	int pid_fd;
	pid_t pid;
	double waited;
};

static double now(void)
{
	struct timespec time;
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 16) < 0)
		die(path);
	return fd;
}

/* The output is small enough for a pipe that nobody reads. */
static pid_t start(const char *program, int input, int output)
{
	char *argv[] = {strdup(program), NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	errno = posix_spawn(&pid, program, &actions, NULL, argv, environ);
	if (errno)
		die(program);
	(void)posix_spawn_file_actions_destroy(&actions);
	free(argv[0]);
	return pid;
}

/* To the end of the line: who writes to a closed connection takes it for a daemon that died. */
static void read_request(int fd)
{
	char request[4096];
	ssize_t got;
	do
		got = read(fd, request, sizeof(request));
	while (got > 0 && request[got - 1] != '\n');
	if (got <= 0)
		die("request");
}

static void answer_one(struct run *run)
{
	double begun = now();
	int fd = accept4(run->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		die("accept");
	read_request(fd);
	if (write(fd, answer, sizeof(answer) - 1) < 0)
		die("answer");
	run->waited += now() - begun;
	(void)close(fd);
}

static void attend(struct run *run)
{
	struct pollfd fds[2] = {{.fd = run->pid_fd, .events = POLLIN},
	                        {.fd = run->listener, .events = POLLIN}};
	while (!fds[0].revents) {
		if (poll(fds, 2, 60000) <= 0)
			die("poll");
		if (fds[1].revents)
			answer_one(run);
	}
}

int main(int argc, char **argv)
{
	struct rusage used = {0};
	struct run run = {0};
	int output[2];
	int status = 0;
	if (argc != 4)
		return 2;
	run.listener = listen_at(argv[1]);
	int input = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (input < 0 || pipe2(output, O_CLOEXEC) < 0)
		die(argv[2]);
	double begun = now();
	run.pid = start(argv[3], input, output[1]);
	run.pid_fd = (int)syscall(SYS_pidfd_open, run.pid, 0);
	attend(&run);
	if (wait4(run.pid, &status, 0, &used) < 0)
		die("wait");
	double wall = now() - begun;
	double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
	             (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	printf("%.0f %.0f %.0f\n", wall, cpu, run.waited);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
