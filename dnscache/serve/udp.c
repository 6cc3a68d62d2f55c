/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dnscache/serve/port.h"
#include "dnscache/serve/worker_parts.h"

#define BATCH 32
#define BATCHES_A_TURN 16 /* then the other sockets and timers have theirs */
#define AHEAD 4           /* queries between asking for an answer's memory and using it */
/* A longer one is cut and refused as malformed. No power of two: the cache of the CPU would find
 * places for a few of these only. */
#define QUERY_ROOM (23 * LINE)
#define REPLY_ROOM 4096 /* what `bufsize` may say at most */
#define LINE 64         /* of the CPU's cache */
#define CONTROL_ROOM CMSG_SPACE(sizeof(struct in6_pktinfo))

/* Of a worker, for all its sockets in turn. */
struct udp_batch {
	struct mmsghdr in[BATCH];
	struct mmsghdr out[BATCH];
	struct iovec in_vector[BATCH];
	struct iovec out_vector[BATCH];
	struct client client[BATCH];
	struct zone_counters *counted[BATCH];
	uint8_t control[BATCH][CONTROL_ROOM] __attribute__((aligned(8)));
	uint8_t query[BATCH][QUERY_ROOM];
	struct serving serving[BATCH];
	uint8_t replies[BATCH * REPLY_ROOM]; /* one behind the other */
};

struct udp_batch *udp_batch_new(void)
{
	struct udp_batch *batch = calloc(1, sizeof(*batch));
	for (unsigned i = 0; batch && i < BATCH; i++) {
		batch->in_vector[i].iov_base = batch->query[i];
		batch->in_vector[i].iov_len = QUERY_ROOM;
		batch->in[i].msg_hdr.msg_iov = &batch->in_vector[i];
		batch->in[i].msg_hdr.msg_iovlen = 1;
		batch->in[i].msg_hdr.msg_name = &batch->client[i].address;
		batch->out[i].msg_hdr.msg_iov = &batch->out_vector[i];
		batch->out[i].msg_hdr.msg_iovlen = 1;
	}
	return batch;
}

static int receive(const struct port *port, struct udp_batch *batch)
{
	bool everywhere = port->listener->everywhere;
	for (unsigned i = 0; i < BATCH; i++) {
		struct msghdr *header = &batch->in[i].msg_hdr;
		header->msg_namelen = sizeof(batch->client[i].address);
		header->msg_control = everywhere ? batch->control[i] : NULL;
		header->msg_controllen = everywhere ? CONTROL_ROOM : 0;
	}
	return recvmmsg(port->listener->udp[port->worker->index], batch->in, BATCH, MSG_DONTWAIT,
	                NULL);
}

/* The address that the client asked; its answer comes from there. */
static void read_local(struct msghdr *header, struct client *client)
{
	memset(&client->local, 0, sizeof(client->local));
	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
		if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(at), sizeof(info));
			memcpy(&client->local, &info.ipi_spec_dst, 4);
		} else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(at), sizeof(info));
			client->local = info.ipi6_addr;
		}
	}
}

/* Fills header's control with the address that the answer comes from. */
static void write_local(struct msghdr *header, const struct client *client, uint8_t *control)
{
	bool six = client->address.any.sa_family == AF_INET6;
	size_t size = six ? sizeof(struct in6_pktinfo) : sizeof(struct in_pktinfo);
	memset(control, 0, CONTROL_ROOM);
	header->msg_control = control;
	header->msg_controllen = CMSG_SPACE(size);
	struct cmsghdr *at = CMSG_FIRSTHDR(header);
	at->cmsg_level = six ? IPPROTO_IPV6 : IPPROTO_IP;
	at->cmsg_type = six ? IPV6_PKTINFO : IP_PKTINFO;
	at->cmsg_len = CMSG_LEN(size);
	if (six) {
		struct in6_pktinfo info = {.ipi6_addr = client->local};
		memcpy(CMSG_DATA(at), &info, sizeof(info));
	} else {
		struct in_pktinfo info = {0};
		memcpy(&info.ipi_spec_dst, &client->local, 4);
		memcpy(CMSG_DATA(at), &info, sizeof(info));
	}
}

static socklen_t address_size(const struct client *client)
{
	return client->address.any.sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
	                                                 : sizeof(struct sockaddr_in);
}

static void begin_all(struct port *port, struct udp_batch *batch, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct client *client = &batch->client[i];
		if (port->listener->everywhere)
			read_local(&batch->in[i].msg_hdr, client);
		client->endpoint = port->endpoint;
		client->connection = NULL;
		client->received = port->worker->now_us;
		serve_begin(&batch->serving[i], port->worker, client, batch->query[i],
		            batch->in[i].msg_len);
	}
}

/* Returns how many of the batch have an answer at once. */
static unsigned answer_all(struct port *port, struct udp_batch *batch, unsigned count)
{
	unsigned ready = 0;
	uint8_t *reply = batch->replies;
	for (unsigned i = 0; i < count + AHEAD; i++) {
		if (i < count)
			serve_prefetch(&batch->serving[i]);
		if (i < AHEAD)
			continue;
		struct client *client = &batch->client[i - AHEAD];
		size_t size = serve_end(&batch->serving[i - AHEAD], reply, REPLY_ROOM,
		                        &batch->counted[ready]);
		if (size == 0)
			continue;
		struct msghdr *out = &batch->out[ready].msg_hdr;
		batch->out_vector[ready].iov_base = reply;
		batch->out_vector[ready].iov_len = size;
		out->msg_name = &client->address;
		out->msg_namelen = address_size(client);
		out->msg_control = NULL;
		out->msg_controllen = 0;
		if (port->listener->everywhere)
			write_local(out, client, batch->control[i - AHEAD]);
		reply += (size + LINE - 1) / LINE * LINE;
		ready++;
	}
	return ready;
}

/* What cannot be sent is lost, as it would be on the way; the next ones are not. */
static void send_all(struct port *port, struct udp_batch *batch, unsigned count)
{
	int fd = port->listener->udp[port->worker->index];
	unsigned sent = 0;
	while (sent < count) {
		int n = sendmmsg(fd, batch->out + sent, count - sent, MSG_DONTWAIT);
		if (n > 0) {
			sent += (unsigned)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		tally_add(&port->worker->counters.send_failures, 1);
		sent++;
	}
}

static void count_all(struct port *port, const struct udp_batch *batch, unsigned count)
{
	uint64_t before = port->worker->now_us;
	if (count == 0)
		return;
	worker_clock(port->worker);
	for (unsigned i = 0; i < count; i++)
		if (batch->counted[i])
			count_duration(batch->counted[i], port->worker->now_us - before, 1);
}

bool port_read_udp(struct port *port)
{
	struct udp_batch *batch = port->worker->batch;
	for (unsigned i = 0; i < BATCHES_A_TURN; i++) {
		int count = receive(port, batch);
		if (count <= 0)
			return false;
		begin_all(port, batch, (unsigned)count);
		unsigned ready = answer_all(port, batch, (unsigned)count);
		send_all(port, batch, ready);
		count_all(port, batch, ready);
		if (count < BATCH)
			return false;
	}
	return true;
}

void udp_send(struct worker *worker, const struct client *client, const uint8_t *message,
              size_t size)
{
	const struct listener *listener = client->endpoint->listener;
	uint8_t control[CONTROL_ROOM] __attribute__((aligned(8)));
	struct client to = *client;
	struct iovec vector = {.iov_base = (void *)(uintptr_t)message, .iov_len = size};
	struct msghdr header = {.msg_name = &to.address,
	                        .msg_namelen = address_size(client),
	                        .msg_iov = &vector,
	                        .msg_iovlen = 1};
	if (listener->everywhere)
		write_local(&header, client, control);
	if (sendmsg(listener->udp[worker->index], &header, MSG_DONTWAIT) < 0)
		tally_add(&worker->counters.send_failures, 1);
}
