/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends UDP packets, each of a flow of its own, and says what they cost: nanoseconds on the clock,
 * and of this thread's CPU time, which holds all the way of a packet over veth links, because the
 * kernel forwards it before the sender's system call goes on.
 *
 * usage: flows INTERFACE GATEWAY-MAC COUNT <TARGETS
 *
 * A target is a line: source address, destination address, destination port. Each packet goes to
 * one of them, drawn at random, from another source port.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PORT 1024
#define COUNT_MAX 60000
#define TARGETS_MAX 4096
#define BATCH 64

struct packet {
	struct ether_header ethernet;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[18];
} __attribute__((packed));

struct way {
	unsigned interface;
	uint8_t gateway[ETH_ALEN];
};

struct target {
	struct in_addr source;
	struct in_addr destination;
	uint16_t port;
};

static long long now(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static uint16_t ip_checksum(const struct packet *packet)
{
	uint8_t bytes[sizeof(packet->ip)];
	uint32_t sum = 0;
	memcpy(bytes, (const uint8_t *)packet + sizeof(packet->ethernet), sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~(sum + (sum >> 16)));
}

static void make_packet(struct packet *packet, const struct way *way, const struct target *target,
                        uint16_t source_port)
{
	memset(packet, 0, sizeof(*packet));
	memcpy(packet->ethernet.ether_dhost, way->gateway, ETH_ALEN);
	packet->ethernet.ether_shost[0] = 2;
	packet->ethernet.ether_type = htons(ETHERTYPE_IP);
	packet->ip.version = 4;
	packet->ip.ihl = sizeof(packet->ip) / 4;
	packet->ip.tot_len = htons(sizeof(*packet) - sizeof(packet->ethernet));
	packet->ip.ttl = 64;
	packet->ip.protocol = IPPROTO_UDP;
	packet->ip.saddr = target->source.s_addr;
	packet->ip.daddr = target->destination.s_addr;
	packet->ip.check = ip_checksum(packet);
	packet->udp.source = htons(source_port);
	packet->udp.dest = htons(target->port);
	packet->udp.len = htons(sizeof(packet->udp) + sizeof(packet->payload));
}

static struct packet *make_packets(const struct way *way, unsigned count,
                                   const struct target *targets, unsigned target_count)
{
	uint32_t state = 2463534242U;
	struct packet *packets = calloc(count, sizeof(*packets));
	for (unsigned i = 0; packets && i < count; i++)
		make_packet(&packets[i], way, &targets[next_random(&state) % target_count],
		            (uint16_t)(FIRST_PORT + i));
	return packets;
}

/* Up to BATCH packets; how many were sent, below 0 for a failure. */
static int send_some(int fd, struct packet *packets, unsigned count)
{
	struct mmsghdr messages[BATCH] = {0};
	struct iovec vectors[BATCH];
	unsigned size = 0;
	for (; size < count && size < BATCH; size++) {
		vectors[size] = (struct iovec){&packets[size], sizeof(*packets)};
		messages[size].msg_hdr.msg_iov = &vectors[size];
		messages[size].msg_hdr.msg_iovlen = 1;
	}
	return sendmmsg(fd, messages, size, 0);
}

static bool send_all(int fd, struct packet *packets, unsigned count)
{
	for (unsigned sent = 0; sent < count;) {
		int r = send_some(fd, packets + sent, count - sent);
		if (r <= 0)
			return false;
		sent += (unsigned)r;
	}
	return true;
}

static int open_socket(const struct way *way)
{
	int on = 1;
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)way->interface};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool parse_way(char **argv, struct way *way)
{
	uint8_t *mac = way->gateway;
	way->interface = if_nametoindex(argv[1]);
	return way->interface &&
	       sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", /* NOLINT(cert-err34-c) */
	              &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) == ETH_ALEN;
}

static unsigned read_targets(struct target targets[static TARGETS_MAX])
{
	char source[INET_ADDRSTRLEN];
	char destination[INET_ADDRSTRLEN];
	unsigned count = 0;
	while (count < TARGETS_MAX &&
	       scanf("%15s %15s %hu", /* NOLINT(cert-err34-c) */
	             source, destination, &targets[count].port) == 3 &&
	       inet_pton(AF_INET, source, &targets[count].source) == 1 &&
	       inet_pton(AF_INET, destination, &targets[count].destination) == 1)
		count++;
	return feof(stdin) ? count : 0;
}

static void stay_on_one_cpu(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(get_nprocs() - 1, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static int measure(const struct way *way, struct packet *packets, unsigned count)
{
	int fd = open_socket(way);
	if (fd < 0)
		return -1;
	stay_on_one_cpu();
	long long wall = now(CLOCK_MONOTONIC);
	long long cpu = now(CLOCK_THREAD_CPUTIME_ID);
	bool sent = send_all(fd, packets, count);
	cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	wall = now(CLOCK_MONOTONIC) - wall;
	close(fd);
	if (!sent)
		return -1;
	printf("%lld %lld\n", wall, cpu);
	return 0;
}

int main(int argc, char **argv)
{
	static struct target targets[TARGETS_MAX];
	struct way way = {0};
	unsigned target_count = read_targets(targets);
	unsigned long count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (count == 0 || count > COUNT_MAX || target_count == 0 || !parse_way(argv, &way)) {
		fputs("usage: flows INTERFACE GATEWAY-MAC COUNT <TARGETS\n", stderr);
		return 2;
	}
	struct packet *packets = make_packets(&way, (unsigned)count, targets, target_count);
	int r = packets ? measure(&way, packets, (unsigned)count) : -1;
	if (r < 0)
		perror("flows");
	free(packets);
	return r < 0;
}
