/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cmocka.h>

#include "dnscache/node/handover.h"

#define CLIENTS 50

/* What the service manager hears: one datagram, and the descriptor that came with it. */
struct heard {
	char text[512];
	int fd; /* -1: none */
};

struct manager {
	char directory[64];
	char path[80];
	int socket;
};

/* Above the room that pass() fills. */
static int out_of_the_way(int fd)
{
	int ret = fcntl(fd, F_DUPFD_CLOEXEC, 64);

	close(fd);
	return ret;
}

static int open_manager(void **state)
{
	static struct manager manager;
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	manager = (struct manager){.directory = "/tmp/podsg-handover-XXXXXX"};
	if (!mkdtemp(manager.directory))
		return -1;
	(void)snprintf(manager.path, sizeof(manager.path), "%s/notify", manager.directory);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", manager.path);
	manager.socket = out_of_the_way(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	*state = &manager;
	return manager.socket < 0 ||
	       bind(manager.socket, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	       setenv("NOTIFY_SOCKET", manager.path, 1) < 0;
}

static int close_manager(void **state)
{
	struct manager *manager = *state;

	(void)unsetenv("NOTIFY_SOCKET");
	close(manager->socket);
	(void)unlink(manager->path);
	return rmdir(manager->directory);
}

/* False: nothing was said. */
static bool hear(struct manager *manager, struct heard *ret)
{
	*ret = (struct heard){.fd = -1};

	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(8 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec text = {.iov_base = ret->text, .iov_len = sizeof(ret->text) - 1};
	struct msghdr message = {.msg_iov = &text,
	                         .msg_iovlen = 1,
	                         .msg_control = &control,
	                         .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(manager->socket, &message, MSG_CMSG_CLOEXEC);

	if (length < 0)
		return false;
	ret->text[length] = '\0';
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&ret->fd, CMSG_DATA(c), sizeof(ret->fd));
	return true;
}

static int udp_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

static ino_t inode(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	return status.st_ino;
}

/* As the manager starts a service: descriptors from 3 on, their names in the environment. */
static void pass(const int *fds, int count, const char *names)
{
	char text[16];

	for (int i = 0; i < count; i++)
		assert_int_equal(dup2(fds[i], SD_LISTEN_FDS_START + i), SD_LISTEN_FDS_START + i);
	(void)snprintf(text, sizeof(text), "%d", (int)getpid());
	assert_int_equal(setenv("LISTEN_PID", text, 1), 0);
	(void)snprintf(text, sizeof(text), "%d", count);
	assert_int_equal(setenv("LISTEN_FDS", text, 1), 0);
	assert_int_equal(setenv("LISTEN_FDNAMES", names, 1), 0);
}

static void two_sockets(int fds[static 2])
{
	fds[0] = out_of_the_way(udp_socket());
	fds[1] = out_of_the_way(udp_socket());
}

static void a_stored_descriptor_reaches_the_manager_with_its_name(void **state)
{
	struct error err = {0};
	struct heard heard;
	int fd = udp_socket();

	assert_int_equal(handover_store("udp-10.0.0.10-53-0", fd, &err), 0);
	assert_true(hear(*state, &heard));
	assert_non_null(strstr(heard.text, "FDSTORE=1\n"));
	assert_non_null(strstr(heard.text, "FDNAME=udp-10.0.0.10-53-0"));
	assert_int_equal(inode(heard.fd), inode(fd));
	close(heard.fd);
	close(fd);
}

static void the_manager_is_told_not_to_drop_a_socket_with_an_error(void **state)
{
	struct heard heard;
	int fd = udp_socket();

	assert_int_equal(handover_store("cache", fd, NULL), 0);
	assert_true(hear(*state, &heard));
	assert_non_null(strstr(heard.text, "FDPOLL=0\n"));
	close(heard.fd);
	close(fd);
}

static void a_colon_never_reaches_the_manager(void **state)
{
	struct heard heard;

	assert_int_equal(handover_forget("tcp-fd00::10-53-0", NULL), 0);
	assert_true(hear(*state, &heard));
	assert_string_equal(heard.text, "FDSTOREREMOVE=1\nFDNAME=tcp-fd00__10-53-0");
}

static void what_was_kept_is_found_by_its_name(void **state)
{
	struct handover *handover = NULL;
	struct error err = {0};
	int fds[2];

	(void)state;
	two_sockets(fds);
	pass(fds, 2, "udp-fd00__10-53-0:cache");
	assert_int_equal(handover_open(&handover, &err), 0);
	assert_int_equal(handover_take(handover, "nothing"), -1);
	int udp = handover_take(handover, "udp-fd00::10-53-0");
	int cache = handover_take(handover, "cache");
	assert_int_equal(inode(udp), inode(fds[0]));
	assert_int_equal(inode(cache), inode(fds[1]));
	assert_int_equal(fcntl(udp, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(handover_take(handover, "cache"), -1);
	handover_close(handover);
	assert_int_equal(inode(cache), inode(fds[1]));
	close(udp);
	close(cache);
	close(fds[0]);
	close(fds[1]);
}

static void children_inherit_no_trace_of_it(void **state)
{
	struct handover *handover = NULL;
	int fds[2];

	(void)state;
	two_sockets(fds);
	pass(fds, 1, "cache");
	assert_int_equal(handover_open(&handover, NULL), 0);
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDNAMES"));
	handover_close(handover);
	close(fds[0]);
	close(fds[1]);
}

static void what_nobody_took_is_closed_and_forgotten(void **state)
{
	struct handover *handover = NULL;
	struct heard heard;
	int fds[2];

	two_sockets(fds);
	pass(fds, 2, "old:cache");
	assert_int_equal(handover_open(&handover, NULL), 0);
	int cache = handover_take(handover, "cache");
	handover_close(handover);
	assert_true(hear(*state, &heard));
	assert_string_equal(heard.text, "FDSTOREREMOVE=1\nFDNAME=old");
	assert_false(hear(*state, &heard));
	assert_int_equal(fcntl(SD_LISTEN_FDS_START, F_GETFD), -1);
	close(cache);
	close(fds[0]);
	close(fds[1]);
}

static void a_name_that_was_taken_is_not_forgotten_for_its_twin(void **state)
{
	struct handover *handover = NULL;
	struct heard heard;
	int fds[2];

	two_sockets(fds);
	pass(fds, 2, "cache:cache");
	assert_int_equal(handover_open(&handover, NULL), 0);
	int cache = handover_take(handover, "cache");
	handover_close(handover);
	assert_false(hear(*state, &heard));
	assert_int_equal(fcntl(SD_LISTEN_FDS_START + 1, F_GETFD), -1);
	close(cache);
	close(fds[0]);
	close(fds[1]);
}

static void without_a_manager_nothing_is_there_and_nothing_fails(void **state)
{
	struct handover *handover = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(handover_open(&handover, &err), 0);
	assert_int_equal(handover_take(handover, "cache"), -1);
	assert_int_equal(handover_store("cache", STDERR_FILENO, &err), 0);
	assert_int_equal(handover_forget("cache", &err), 0);
	assert_int_equal(err.code, 0);
	handover_close(handover);
	handover_close(NULL);
}

static void a_manager_that_is_gone_is_an_error_that_names_what_was_lost(void **state)
{
	struct manager *manager = *state;
	struct error err = {0};

	assert_int_equal(unlink(manager->path), 0);
	assert_true(handover_store("cache", STDERR_FILENO, &err) < 0);
	assert_non_null(strstr(err.text, "\"cache\""));
}

static void a_name_beyond_what_the_manager_takes_is_refused(void **state)
{
	struct error err = {0};
	struct heard heard;
	char name[300];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(handover_store(name, STDERR_FILENO, &err), -EINVAL);
	assert_int_equal(handover_store("", STDERR_FILENO, NULL), -EINVAL);
	assert_false(hear(*state, &heard));
}

static int open_socket(int type, in_port_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                              .sin_port = *port};
	socklen_t length = sizeof(address);
	int one = 1;
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = address.sin_port;
	return fd;
}

/* Each from a port of its own, so that the kernel would spread them. */
static void send_to(int type, in_port_t port, int clients[static CLIENTS])
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = port};

	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = socket(AF_INET, type, 0);
		assert_int_equal(connect(clients[i], (struct sockaddr *)&address, sizeof(address)),
		                 0);
		assert_int_equal(send(clients[i], "?", 1, 0), 1);
	}
}

static void close_all(const int clients[static CLIENTS])
{
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
}

static void a_silenced_datagram_socket_leaves_its_share_to_others(void **state)
{
	in_port_t port = 0;
	int clients[CLIENTS];
	char byte;
	int silenced = open_socket(SOCK_DGRAM, &port);
	int other = open_socket(SOCK_DGRAM, &port);

	(void)state;
	handover_silence(silenced);
	send_to(SOCK_DGRAM, port, clients);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(recv(other, &byte, 1, 0), 1);
	assert_int_equal(recv(silenced, &byte, 1, 0), -1);
	close_all(clients);
	close(silenced);
	close(other);
}

static void what_a_silenced_socket_has_can_be_answered(void **state)
{
	in_port_t port = 0;
	int clients[CLIENTS];
	struct sockaddr_in client;
	socklen_t length = sizeof(client);
	char byte;
	int silenced = open_socket(SOCK_DGRAM, &port);

	(void)state;
	send_to(SOCK_DGRAM, port, clients);
	handover_silence(silenced);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(
			recvfrom(silenced, &byte, 1, 0, (struct sockaddr *)&client, &length), 1);
		assert_int_equal(sendto(silenced, "!", 1, 0, (struct sockaddr *)&client, length),
		                 1);
	}
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(recv(clients[i], &byte, 1, 0), 1);
	close_all(clients);
	close(silenced);
}

static void a_silenced_listener_leaves_its_share_to_others(void **state)
{
	in_port_t port = 0;
	int clients[CLIENTS];
	int silenced = open_socket(SOCK_STREAM, &port);
	int other = open_socket(SOCK_STREAM, &port);

	(void)state;
	handover_silence(silenced);
	send_to(SOCK_STREAM, port, clients);
	for (int i = 0; i < CLIENTS; i++) {
		int accepted = accept(other, NULL, NULL);
		assert_true(accepted >= 0);
		close(accepted);
	}
	close_all(clients);
	close(silenced);
	close(other);
}

#define WITH_MANAGER(test) cmocka_unit_test_setup_teardown(test, open_manager, close_manager)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(a_stored_descriptor_reaches_the_manager_with_its_name),
		WITH_MANAGER(the_manager_is_told_not_to_drop_a_socket_with_an_error),
		WITH_MANAGER(a_colon_never_reaches_the_manager),
		WITH_MANAGER(what_was_kept_is_found_by_its_name),
		WITH_MANAGER(children_inherit_no_trace_of_it),
		WITH_MANAGER(what_nobody_took_is_closed_and_forgotten),
		WITH_MANAGER(a_name_that_was_taken_is_not_forgotten_for_its_twin),
		WITH_MANAGER(without_a_manager_nothing_is_there_and_nothing_fails),
		WITH_MANAGER(a_manager_that_is_gone_is_an_error_that_names_what_was_lost),
		WITH_MANAGER(a_name_beyond_what_the_manager_takes_is_refused),
		cmocka_unit_test(a_silenced_datagram_socket_leaves_its_share_to_others),
		cmocka_unit_test(what_a_silenced_socket_has_can_be_answered),
		cmocka_unit_test(a_silenced_listener_leaves_its_share_to_others),
	};

	return cmocka_run_group_tests_name("dns_handover", tests, NULL, NULL);
}
