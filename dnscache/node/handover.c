/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "dnscache/node/handover.h"

#define NAME_MAX_BYTES 255 /* what the manager takes */

struct passed {
	char *name;
	int fd; /* -1: taken */
};

struct handover {
	struct passed *list;
	size_t count;
};

/* The manager separates names by colons, and IPv6 addresses have them. */
static int stored_name(const char *name, char ret[static NAME_MAX_BYTES + 1])
{
	size_t length = strlen(name);
	if (length == 0 || length > NAME_MAX_BYTES)
		return -EINVAL;
	for (size_t i = 0; i <= length; i++)
		ret[i] = (char)(name[i] == ':' ? '_' : name[i]);
	return 0;
}

static int passed_list(char **names, size_t count, struct handover *ret)
{
	ret->list = calloc(count, sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;
	ret->count = count;
	for (size_t i = 0; i < count; i++)
		ret->list[i] =
			(struct passed){.name = names[i], .fd = SD_LISTEN_FDS_START + (int)i};
	return 0;
}

int handover_open(struct handover **ret, struct error *err)
{
	char **names = NULL;
	struct handover *handover = calloc(1, sizeof(*handover));
	if (!handover)
		return error_set(err, -ENOMEM, "no memory for what was handed over");
	int r = sd_listen_fds_with_names(1, &names);
	if (r > 0)
		r = passed_list(names, (size_t)r, handover);
	if (r < 0) {
		free(handover);
		return error_set(err, r, "cannot take what the service manager keeps: %s",
		                 strerror(-r));
	}
	free(names); /* the strings are the list's */
	*ret = handover;
	return 0;
}

/* One name may have come several times; the store forgets all of them together. */
static bool is_taken(const struct handover *handover, const char *name)
{
	for (size_t i = 0; i < handover->count; i++)
		if (handover->list[i].fd < 0 && strcmp(handover->list[i].name, name) == 0)
			return true;
	return false;
}

/* The manager's copy goes a little later, and nothing may come to where nobody reads meanwhile: a
 * listener is shut for all that hold it, and a datagram socket that is its own peer has no other.
 */
void handover_silence(int fd)
{
	struct sockaddr_storage own;
	socklen_t length = sizeof(own);
	int type = 0;
	socklen_t size = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return;
	if (type == SOCK_STREAM)
		(void)shutdown(fd, SHUT_RDWR);
	else if (getsockname(fd, (struct sockaddr *)&own, &length) == 0)
		(void)connect(fd, (struct sockaddr *)&own, length);
}

void handover_close(struct handover *handover)
{
	if (!handover)
		return;
	for (size_t i = 0; i < handover->count; i++) {
		struct passed *passed = &handover->list[i];
		if (passed->fd < 0)
			continue;
		if (!is_taken(handover, passed->name)) {
			(void)handover_forget(passed->name, NULL);
			handover_silence(passed->fd);
		}
		close(passed->fd);
	}
	for (size_t i = 0; i < handover->count; i++)
		free(handover->list[i].name);
	free(handover->list);
	free(handover);
}

int handover_take(struct handover *handover, const char *name)
{
	char stored[NAME_MAX_BYTES + 1];
	if (stored_name(name, stored) < 0)
		return -1;
	for (size_t i = 0; i < handover->count; i++) {
		struct passed *passed = &handover->list[i];
		if (passed->fd < 0 || strcmp(passed->name, stored) != 0)
			continue;
		int fd = passed->fd;
		passed->fd = -1;
		return fd;
	}
	return -1;
}

static int tell(const char *state, const char *name, const int *fds, unsigned fd_count,
                struct error *err)
{
	char stored[NAME_MAX_BYTES + 1];
	char text[NAME_MAX_BYTES + 64];
	int r = stored_name(name, stored);
	if (r == 0) {
		(void)snprintf(text, sizeof(text), "%s\nFDNAME=%s", state, stored);
		r = sd_pid_notify_with_fds(0, 0, text, fds, fd_count);
	}
	if (r < 0)
		return error_set(err, r, "cannot tell the service manager about \"%.64s\": %s",
		                 name, strerror(-r));
	return 0;
}

/* Without FDPOLL=0 the manager would drop a socket as soon as an ICMP error stands on it. */
int handover_store(const char *name, int fd, struct error *err)
{
	return tell("FDSTORE=1\nFDPOLL=0", name, &fd, 1, err);
}

int handover_forget(const char *name, struct error *err)
{
	return tell("FDSTOREREMOVE=1", name, NULL, 0, err);
}
