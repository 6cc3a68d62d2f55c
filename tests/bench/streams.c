/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Throughput of established TCP connections, side by side: all are opened first, then each sends
 * for a moment in turn. One line a turn: which connection, bytes, nanoseconds until the last of
 * them was received, and CPU nanoseconds of this process.
 *
 * usage: streams TURNS MILLISECONDS ADDRESS PORT CLIENT-NETNS SERVER-NETNS [CLIENT SERVER]...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 8
#define CHUNK (256 << 10)
#define FIRST_NAMESPACE 5
#define DRAIN_SECONDS 5

struct connection {
	int sender;
	int receiver;
	long long sent;
	atomic_llong received;
	pthread_t thread;
};

static uint8_t chunk[CHUNK];

static long long now(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int socket_in(const char *netns)
{
	int there = open(netns, O_RDONLY | O_CLOEXEC);
	int fd = -1;
	if (there < 0)
		return -1;
	if (setns(there, CLONE_NEWNET) == 0)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	close(there);
	return fd;
}

static int connect_pair(struct connection *connection, const struct sockaddr_in *address,
                        const char *client, const char *server)
{
	int on = 1;
	int ret = -1;
	int listener = socket_in(server);
	connection->sender = socket_in(client);
	if (listener < 0 || connection->sender < 0)
		goto out;
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    listen(listener, 1) < 0 ||
	    connect(connection->sender, (const struct sockaddr *)address, sizeof(*address)) < 0)
		goto out;
	connection->receiver = accept(listener, NULL, NULL);
	if (connection->receiver >= 0)
		ret = 0;
out:
	if (listener >= 0)
		close(listener);
	return ret;
}

/* MSG_TRUNC: nothing is written to the buffer, so that copying does not hide the way here. */
static void *receive_all(void *argument)
{
	struct connection *connection = argument;
	for (;;) {
		ssize_t length = recv(connection->receiver, chunk, sizeof(chunk), MSG_TRUNC);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return NULL;
		atomic_fetch_add(&connection->received, length);
	}
}

static bool wait_received(struct connection *connection)
{
	long long end = now(CLOCK_MONOTONIC) + DRAIN_SECONDS * 1000000000LL;
	while (atomic_load(&connection->received) < connection->sent) {
		if (now(CLOCK_MONOTONIC) > end)
			return false;
		sched_yield();
	}
	return true;
}

static int take_turn(struct connection *connection, int index, long milliseconds)
{
	long long before = connection->sent;
	long long cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	long long begin = now(CLOCK_MONOTONIC);
	long long end = begin + milliseconds * 1000000LL;
	while (now(CLOCK_MONOTONIC) < end) {
		ssize_t length = send(connection->sender, chunk, sizeof(chunk), MSG_NOSIGNAL);
		if (length < 0)
			return -1;
		connection->sent += length;
	}
	if (!wait_received(connection))
		return -1;
	printf("%d %lld %lld %lld\n", index, connection->sent - before,
	       now(CLOCK_MONOTONIC) - begin, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	return 0;
}

static int open_all(struct connection *connections, int count, const struct sockaddr_in *address,
                    char **namespaces)
{
	for (int i = 0; i < count; i++) {
		if (connect_pair(&connections[i], address, namespaces[2 * i],
		                 namespaces[2 * i + 1]) < 0)
			return -1;
		errno = pthread_create(&connections[i].thread, NULL, receive_all, &connections[i]);
		if (errno != 0)
			return -1;
	}
	return 0;
}

static int run(struct connection *connections, int count, long turns, long milliseconds)
{
	for (long turn = 0; turn < turns; turn++)
		for (int i = 0; i < count; i++) {
			int index = (int)((turn + i) % count);
			if (take_turn(&connections[index], index, milliseconds) < 0)
				return -1;
		}
	return 0;
}

int main(int argc, char **argv)
{
	static struct connection connections[CONNECTIONS_MAX];
	struct sockaddr_in address = {.sin_family = AF_INET};
	int count = (argc - FIRST_NAMESPACE) / 2;
	if (argc <= FIRST_NAMESPACE || (argc - FIRST_NAMESPACE) % 2 != 0 ||
	    count > CONNECTIONS_MAX || inet_pton(AF_INET, argv[3], &address.sin_addr) != 1) {
		fputs("usage: streams TURNS MILLISECONDS ADDRESS PORT CLIENT SERVER...\n", stderr);
		return 2;
	}
	address.sin_port = htons((uint16_t)strtoul(argv[4], NULL, 10));
	if (open_all(connections, count, &address, argv + FIRST_NAMESPACE) < 0 ||
	    run(connections, count, strtol(argv[1], NULL, 10), strtol(argv[2], NULL, 10)) < 0) {
		perror("streams");
		return 1;
	}
	/* The threads end with the process. */
	return 0;
}
