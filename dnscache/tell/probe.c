/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dnscache/serve/listener.h"
#include "dnscache/serve/probe_name.h"
#include "dnscache/tell/probe.h"

#define TROUBLE_MAX 160

struct probe {
	int fds[PLAN_ENDPOINTS_MAX]; /* of the questions under way; -1: none */
	char asked[PLAN_ENDPOINTS_MAX][64];
	struct timespec sent[PLAN_ENDPOINTS_MAX]; /* CLOCK_REALTIME, as the kernel stamps packets */
	struct histogram durations;
	unsigned missed[PLAN_ENDPOINTS_MAX];
	uint64_t ticks[WORKERS_MAX];
	unsigned still[WORKERS_MAX]; /* periods without a tick */
	uint64_t failures;
	bool stuck;
	char trouble[TROUBLE_MAX];
};

struct probe *probe_new(void)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	if (!probe)
		return NULL;
	for (unsigned i = 0; i < PLAN_ENDPOINTS_MAX; i++)
		probe->fds[i] = -1;
	probe->durations = (struct histogram){
		.bounds = {0.00025, 0.0025, 0.025, 0.25, 2.5}, /* CoreDNS's */
		.bound_count = 5,
	};
	return probe;
}

void probe_free(struct probe *probe)
{
	for (unsigned i = 0; probe && i < PLAN_ENDPOINTS_MAX; i++)
		if (probe->fds[i] >= 0)
			(void)close(probe->fds[i]);
	free(probe);
}

const char *probe_trouble(const struct probe *probe)
{
	return probe->trouble;
}

bool probe_stuck(const struct probe *probe)
{
	return probe->stuck;
}

uint64_t probe_failures(const struct probe *probe)
{
	return probe->failures;
}

const struct histogram *probe_durations(const struct probe *probe)
{
	return &probe->durations;
}

/* An endpoint everywhere is asked on the loopback interface. */
static socklen_t target_of(const struct plan_endpoint *endpoint, struct sockaddr_storage *ret)
{
	static const uint8_t nothing[16];
	bool everywhere = memcmp(endpoint->address.address, nothing, sizeof(nothing)) == 0;
	memset(ret, 0, sizeof(*ret));
	if (endpoint->address.family == AF_INET) {
		struct sockaddr_in *four = (struct sockaddr_in *)ret;
		four->sin_family = AF_INET;
		four->sin_port = htons(endpoint->port);
		memcpy(&four->sin_addr, endpoint->address.address, 4);
		if (everywhere)
			four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*four);
	}
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(endpoint->port);
	memcpy(&six->sin6_addr, endpoint->address.address, 16);
	if (everywhere)
		six->sin6_addr = in6addr_loopback;
	return sizeof(*six);
}

/* From another port each time, so that each worker has its turn. */
static int ask(const struct plan_endpoint *endpoint, struct timespec *sent)
{
	int one = 1;
	uint8_t query[DNS_UPSTREAM_QUERY_MAX];
	struct sockaddr_storage target;
	struct dns_question question = {.type = DNS_TYPE_A};
	socklen_t length = target_of(endpoint, &target);
	int fd = socket(target.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	question.name.length = sizeof(PROBE_NAME);
	memcpy(question.name.wire, PROBE_NAME, sizeof(PROBE_NAME));
	size_t size = dns_question_write(&question, 1, DNS_UDP_DEFAULT, false, query);
	(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	clock_gettime(CLOCK_REALTIME, sent);
	if (connect(fd, (struct sockaddr *)&target, length) == 0 &&
	    send(fd, query, size, 0) == (ssize_t)size)
		return fd;
	(void)close(fd);
	return -1;
}

/* It is read a period later: the kernel has noted when it came. A clock that was set meanwhile is
 * none to measure by. */
static void note_duration(struct probe *probe, const struct timespec *sent, struct msghdr *message)
{
	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head;
	     head = CMSG_NXTHDR(message, head)) {
		struct timespec came;
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&came, CMSG_DATA(head), sizeof(came));
		double seconds = (double)(came.tv_sec - sent->tv_sec) +
		                 (double)(came.tv_nsec - sent->tv_nsec) / 1e9;
		if (seconds >= 0 && seconds <= 2.0 * PROBE_PERIOD / 1000)
			histogram_observe(&probe->durations, seconds);
	}
}

static bool was_answered(struct probe *probe, unsigned i)
{
	uint8_t answer[DNS_UDP_DEFAULT];
	uint8_t control[64] __attribute__((aligned(8)));
	struct iovec vector = {.iov_base = answer, .iov_len = sizeof(answer)};
	struct msghdr message = {.msg_iov = &vector,
	                         .msg_iovlen = 1,
	                         .msg_control = control,
	                         .msg_controllen = sizeof(control)};
	if (probe->fds[i] < 0 || recvmsg(probe->fds[i], &message, 0) < DNS_HEADER_SIZE)
		return false;
	note_duration(probe, &probe->sent[i], &message);
	return true;
}

static void __attribute__((format(printf, 2, 3))) say(struct probe *probe, const char *format, ...)
{
	va_list arguments;
	if (probe->trouble[0])
		return;
	va_start(arguments, format);
	vsnprintf(probe->trouble, sizeof(probe->trouble), format, arguments);
	va_end(arguments);
}

static void look_at_answer(struct probe *probe, unsigned i)
{
	if (!probe->asked[i][0])
		return;
	if (was_answered(probe, i)) {
		probe->missed[i] = 0;
	} else {
		probe->missed[i]++;
		probe->failures++;
	}
	if (probe->missed[i] >= PROBE_PATIENCE)
		say(probe, "no answer on %s", probe->asked[i]);
	if (probe->fds[i] >= 0)
		(void)close(probe->fds[i]);
	probe->fds[i] = -1;
}

static void look_at_workers(struct probe *probe, struct worker *const *workers, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t ticks = tally_read(&worker_counters(workers[i])->ticks);
		probe->still[i] = ticks == probe->ticks[i] ? probe->still[i] + 1 : 0;
		probe->ticks[i] = ticks;
		if (probe->still[i] >= PROBE_PATIENCE)
			say(probe, "worker %u does not turn", i);
		if (probe->still[i] >= PROBE_STUCK)
			probe->stuck = true;
	}
}

void probe_turn(struct probe *probe, const struct plan *plan, struct worker *const *workers,
                unsigned worker_count)
{
	probe->trouble[0] = '\0';
	for (unsigned i = 0; i < PLAN_ENDPOINTS_MAX; i++)
		look_at_answer(probe, i);
	look_at_workers(probe, workers, worker_count);
	for (unsigned i = 0; i < PLAN_ENDPOINTS_MAX; i++) {
		char address[PREFIX_TEXT_MAX], now[sizeof(probe->asked[i])] = "";
		if (i < plan->endpoint_count)
			snprintf(now, sizeof(now), "%s port %u",
			         prefix_text(&plan->endpoints[i].address, address),
			         plan->endpoints[i].port);
		if (strcmp(now, probe->asked[i]) != 0)
			probe->missed[i] = 0;
		memcpy(probe->asked[i], now, sizeof(now));
		if (now[0])
			probe->fds[i] = ask(&plan->endpoints[i], &probe->sent[i]);
	}
}
