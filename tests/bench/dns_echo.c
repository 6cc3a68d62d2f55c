/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What no DNS server goes below: every datagram goes back as it came, but for the bit that makes
 * it an answer.
 *
 * usage: dns_echo ADDRESS PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BATCH 32
#define ROOM 512
#define FLAGS_AT 2
#define FLAG_ANSWER 0x80

struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	struct sockaddr_in from[BATCH];
	uint8_t bytes[BATCH][ROOM];
};

static int receive(int fd, struct batch *batch)
{
	for (int i = 0; i < BATCH; i++) {
		batch->vectors[i] = (struct iovec){batch->bytes[i], ROOM};
		batch->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &batch->from[i],
			.msg_namelen = sizeof(batch->from[i]),
			.msg_iov = &batch->vectors[i],
			.msg_iovlen = 1,
		};
	}
	return recvmmsg(fd, batch->messages, BATCH, MSG_WAITFORONE, NULL);
}

static void send_back(int fd, struct batch *batch, int count)
{
	int sent = 0;
	for (int i = 0; i < count; i++) {
		batch->vectors[i].iov_len = batch->messages[i].msg_len;
		batch->bytes[i][FLAGS_AT] |= FLAG_ANSWER;
	}
	while (sent < count) {
		int n = sendmmsg(fd, batch->messages + sent, (unsigned)(count - sent), 0);
		sent += n > 0 ? n : 1;
	}
}

int main(int argc, char **argv)
{
	static struct batch batch;
	struct sockaddr_in address = {.sin_family = AF_INET};
	if (argc != 3 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
		fputs("usage: dns_echo ADDRESS PORT\n", stderr);
		return 2;
	}
	address.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("dns_echo");
		return 1;
	}
	for (;;) {
		int count = receive(fd, &batch);
		if (count < 0 && errno != EINTR) {
			perror("dns_echo");
			return 1;
		}
		send_back(fd, &batch, count);
	}
}
