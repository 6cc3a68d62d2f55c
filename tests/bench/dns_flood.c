/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client that keeps a DNS server busy over UDP, or asks at a steady rate, and prints what came
 * back as JSON: counts by rcode, seconds, and microseconds from sending to answer.
 *
 * usage: dns_flood [OPTION]... ADDRESS PORT FILE
 *   -t SECONDS | -n COUNT   how long, or how many queries (default: FILE once)
 *   -r RATE [-b BURST]      queries a second, so many at once; default: as many as are answered
 *   -s SOCKETS -w WINDOW    queries in flight, and over how many sockets they are spread
 *   -z                      names are drawn by Zipf's law, the first most often; default: in turn
 *   -u PERCENT -d DOMAIN    so many names are new: numbers below DOMAIN
 *   -S SEED                 of what is drawn, and where new names begin
 * FILE has lines "name type" as dnsperf reads them; types are A and AAAA.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS_MAX 64
#define SLOTS_MAX 256 /* of a socket: the lower byte of a query's id */
#define BATCH 64
#define PACKET_ROOM 160
#define REPLY_ROOM 1500
#define HEADER 12
#define DIGITS 12 /* of a new name */
#define LOST_AFTER 1000000000ULL
#define RCODES 16
#define DRAWS (1u << 18) /* a power of two */
#define STEPS 32         /* of the histogram, an octave */
#define TYPE_A 1
#define TYPE_AAAA 28

struct packet {
	uint8_t size;
	uint8_t bytes[PACKET_ROOM];
};

struct slot {
	uint64_t sent; /* 0: free */
	uint8_t generation;
};

struct port {
	int fd;
	unsigned in_flight;
	struct slot slots[SLOTS_MAX];
	unsigned next_slot;
};

struct options {
	double seconds;
	uint64_t count;
	double rate;
	uint64_t burst;
	unsigned sockets;
	unsigned window;
	bool zipf;
	unsigned new_percent;
	const char *domain;
	uint64_t seed;
};

struct flood {
	struct options options;
	struct port ports[SOCKETS_MAX];
	struct packet *packets;
	size_t packet_count;
	size_t turn;     /* of packets */
	uint32_t *draws; /* NULL: in turn */
	struct packet unseen;
	uint64_t random;
	uint64_t sent, answered, lost, unseen_count;
	uint64_t late; /* of the lost: answered all the same */
	uint64_t rcodes[RCODES];
	uint64_t histogram[64 * STEPS];
	uint64_t began;
};

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t draw(struct flood *flood) /* xorshift64* */
{
	flood->random ^= flood->random >> 12;
	flood->random ^= flood->random << 25;
	flood->random ^= flood->random >> 27;
	return flood->random * 0x2545f4914f6cdd1dULL;
}

static int make_packet(const char *name, uint16_t type, struct packet *packet)
{
	static const uint8_t header[HEADER] = {0, 0, 1, 0, 0, 1};
	size_t at = HEADER;
	memcpy(packet->bytes, header, HEADER);
	while (*name && *name != '.') {
		size_t length = strcspn(name, ".");
		if (length > 63 || at + length + 6 > PACKET_ROOM)
			return -EINVAL;
		packet->bytes[at++] = (uint8_t)length;
		memcpy(packet->bytes + at, name, length);
		at += length;
		name += length + (name[length] == '.');
	}
	const uint8_t tail[5] = {0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1};
	memcpy(packet->bytes + at, tail, sizeof(tail));
	packet->size = (uint8_t)(at + sizeof(tail));
	return 0;
}

static int add_packet(struct flood *flood, size_t *room, const char *name, uint16_t type)
{
	if (flood->packet_count == *room) {
		size_t more = *room ? 2 * *room : 1024;
		struct packet *grown = reallocarray(flood->packets, more, sizeof(*flood->packets));
		if (!grown)
			return -ENOMEM;
		flood->packets = grown;
		*room = more;
	}
	return make_packet(name, type, &flood->packets[flood->packet_count++]);
}

static int read_packets(struct flood *flood, const char *path)
{
	FILE *file = fopen(path, "re");
	char name[PACKET_ROOM], type[8];
	int r = 0;
	size_t room = 0;
	if (!file)
		return -errno;
	while (r == 0 && fscanf(file, "%159s %7s", name, type) == 2)
		r = add_packet(flood, &room, name, strcmp(type, "AAAA") == 0 ? TYPE_AAAA : TYPE_A);
	(void)fclose(file);
	return r;
}

/* Drawn beforehand, so that it costs nothing while the clock runs. */
static int draw_all(struct flood *flood)
{
	double *sums = calloc(flood->packet_count, sizeof(*sums));
	double sum = 0;
	flood->draws = calloc(DRAWS, sizeof(*flood->draws));
	if (!sums || !flood->draws) {
		free(sums);
		return -ENOMEM;
	}
	for (size_t i = 0; i < flood->packet_count; i++)
		sums[i] = sum += 1 / (double)(i + 1);
	for (size_t i = 0; i < DRAWS; i++) {
		double at = (double)(draw(flood) >> 11) * 0x1p-53 * sum;
		size_t low = 0, high = flood->packet_count - 1;
		while (low < high) {
			size_t middle = (low + high) / 2;
			if (sums[middle] < at)
				low = middle + 1;
			else
				high = middle;
		}
		flood->draws[i] = (uint32_t)low;
	}
	free(sums);
	return 0;
}

static int prepare_unseen(struct flood *flood)
{
	char name[PACKET_ROOM];
	if (flood->options.new_percent == 0)
		return 0;
	snprintf(name, sizeof(name), "%0*d.%s", DIGITS, 0, flood->options.domain);
	return make_packet(name, TYPE_A, &flood->unseen);
}

static const struct packet *next_packet(struct flood *flood, struct packet *room)
{
	static const char digits[] = "0123456789abcdef";
	if (flood->options.new_percent > 0 &&
	    (draw(flood) >> 32) * 100 >> 32 < flood->options.new_percent) {
		uint64_t number = flood->options.seed << 32 | ++flood->unseen_count;
		*room = flood->unseen;
		for (unsigned i = DIGITS; i-- > 0; number >>= 4)
			room->bytes[HEADER + 1 + i] = (uint8_t)digits[number & 15];
		return room;
	}
	if (flood->draws)
		return &flood->packets[flood->draws[flood->sent & (DRAWS - 1)]];
	const struct packet *packet = &flood->packets[flood->turn++];
	if (flood->turn == flood->packet_count)
		flood->turn = 0;
	return packet;
}

static struct slot *free_slot(struct port *port, unsigned window, uint64_t time,
                              struct flood *flood)
{
	for (unsigned i = 0; i < window; i++) {
		struct slot *slot = &port->slots[port->next_slot];
		port->next_slot = (port->next_slot + 1) % window;
		if (slot->sent > 0 && time - slot->sent < LOST_AFTER)
			continue;
		if (slot->sent > 0) {
			flood->lost++;
			port->in_flight--;
		}
		return slot;
	}
	return NULL;
}

/* Returns how many were sent. */
static unsigned send_some(struct flood *flood, struct port *port, unsigned most)
{
	static struct packet rooms[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	unsigned count = 0;
	uint64_t time = now();
	while (count < most && count < BATCH) {
		struct slot *slot = free_slot(port, flood->options.window, time, flood);
		if (!slot)
			break;
		rooms[count] = *next_packet(flood, &rooms[count]);
		rooms[count].bytes[0] = ++slot->generation;
		rooms[count].bytes[1] = (uint8_t)(slot - port->slots);
		slot->sent = time;
		vectors[count] = (struct iovec){rooms[count].bytes, rooms[count].size};
		messages[count] =
			(struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[count], .msg_iovlen = 1}};
		port->in_flight++;
		flood->sent++;
		count++;
	}
	for (unsigned done = 0; done < count;) {
		int n = sendmmsg(port->fd, messages + done, count - done, 0);
		done += n > 0 ? (unsigned)n : 1; /* the others are lost like any that is */
	}
	return count;
}

static void note_latency(struct flood *flood, uint64_t nanoseconds)
{
	unsigned octave = nanoseconds < STEPS ? 0 : 63 - (unsigned)__builtin_clzll(nanoseconds) - 4;
	uint64_t step = octave > 0 ? (nanoseconds >> (octave - 1)) - STEPS : nanoseconds;
	flood->histogram[octave * STEPS + (step & (STEPS - 1))]++;
}

/* The upper end of a step of the histogram, in microseconds. */
static double latency_at(unsigned index)
{
	unsigned octave = index / STEPS, step = index % STEPS;
	uint64_t end = octave > 0 ? (uint64_t)(step + STEPS + 1) << (octave - 1) : step;
	return (double)end / 1e3;
}

static void receive_some(struct flood *flood, struct port *port)
{
	static uint8_t bytes[BATCH][REPLY_ROOM];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	for (unsigned i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){bytes[i], REPLY_ROOM};
		messages[i] =
			(struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[i], .msg_iovlen = 1}};
	}
	int count = recvmmsg(port->fd, messages, BATCH, MSG_DONTWAIT, NULL);
	uint64_t time = now();
	for (int i = 0; i < count; i++) {
		struct slot *slot = &port->slots[bytes[i][1]];
		if (messages[i].msg_len < HEADER || slot->sent == 0 ||
		    slot->generation != bytes[i][0]) {
			flood->late++;
			continue;
		}
		note_latency(flood, time - slot->sent);
		slot->sent = 0;
		port->in_flight--;
		flood->answered++;
		flood->rcodes[bytes[i][3] & 15]++;
	}
}

static bool is_over(const struct flood *flood, uint64_t time)
{
	if (flood->options.seconds > 0)
		return (double)(time - flood->began) >= flood->options.seconds * 1e9;
	return flood->sent >= flood->options.count;
}

static void receive_all(struct flood *flood, int milliseconds)
{
	struct pollfd polls[SOCKETS_MAX];
	for (unsigned i = 0; i < flood->options.sockets; i++)
		polls[i] = (struct pollfd){.fd = flood->ports[i].fd, .events = POLLIN};
	if (poll(polls, flood->options.sockets, milliseconds) <= 0)
		return;
	for (unsigned i = 0; i < flood->options.sockets; i++)
		if (polls[i].revents)
			receive_some(flood, &flood->ports[i]);
}

static unsigned left_to_send(const struct flood *flood)
{
	if (flood->options.seconds > 0 || flood->options.count - flood->sent > BATCH)
		return BATCH;
	return (unsigned)(flood->options.count - flood->sent);
}

static void saturate(struct flood *flood)
{
	while (!is_over(flood, now())) {
		for (unsigned i = 0; i < flood->options.sockets; i++)
			(void)send_some(flood, &flood->ports[i], left_to_send(flood));
		receive_all(flood, 100);
	}
}

/* Spins: a sleep would end too late for the next query. What could not be sent in time is sent at
 * once. */
static void keep_rate(struct flood *flood)
{
	unsigned turn = 0;
	for (uint64_t time = now(); !is_over(flood, time); time = now()) {
		uint64_t due =
			(uint64_t)((double)(time - flood->began) / 1e9 * flood->options.rate);
		due -= due % flood->options.burst;
		if (due > flood->sent) {
			unsigned most = due - flood->sent < 8 ? (unsigned)(due - flood->sent) : 8;
			(void)send_some(flood, &flood->ports[turn], most);
			turn = (turn + 1) % flood->options.sockets;
		}
		receive_all(flood, 0);
	}
}

static void wait_for_rest(struct flood *flood)
{
	uint64_t until = now() + LOST_AFTER;
	unsigned in_flight;
	do {
		in_flight = 0;
		for (unsigned i = 0; i < flood->options.sockets; i++)
			in_flight += flood->ports[i].in_flight;
		if (in_flight > 0)
			receive_all(flood, 10);
	} while (in_flight > 0 && now() < until);
	flood->lost += in_flight;
}

/* Of the lost, those whose answers found no room in our own queues. */
static unsigned long long dropped(const struct flood *flood)
{
	unsigned long long drops = 0;
	for (unsigned i = 0; i < flood->options.sockets; i++) {
		uint32_t memory[SK_MEMINFO_VARS] = {0};
		socklen_t size = sizeof(memory);
		if (getsockopt(flood->ports[i].fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0)
			drops += memory[SK_MEMINFO_DROPS];
	}
	return drops;
}

static double percentile(const struct flood *flood, double share)
{
	uint64_t rank = (uint64_t)(share / 100 * (double)flood->answered), seen = 0;
	unsigned i = 0;
	while (i < 64 * STEPS - 1 && (seen += flood->histogram[i]) <= rank)
		i++;
	return latency_at(i);
}

static void report(const struct flood *flood, double seconds)
{
	printf("{\"sent\": %llu, \"answered\": %llu, \"lost\": %llu, \"late\": %llu, "
	       "\"dropped\": %llu, \"seconds\": %.6f, \"rcodes\": {",
	       (unsigned long long)flood->sent, (unsigned long long)flood->answered,
	       (unsigned long long)flood->lost, (unsigned long long)flood->late, dropped(flood),
	       seconds);
	const char *between = "";
	for (unsigned i = 0; i < RCODES; i++)
		if (flood->rcodes[i] > 0) {
			printf("%s\"%u\": %llu", between, i, (unsigned long long)flood->rcodes[i]);
			between = ", ";
		}
	printf("}, \"microseconds\": {\"50\": %.1f, \"90\": %.1f, \"99\": %.1f, \"99.9\": %.1f}}\n",
	       percentile(flood, 50), percentile(flood, 90), percentile(flood, 99),
	       percentile(flood, 99.9));
}

static int open_ports(struct flood *flood, const struct sockaddr_in *address)
{
	int room = 4 << 20;
	for (unsigned i = 0; i < flood->options.sockets; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
			return -errno;
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
		flood->ports[i].fd = fd;
	}
	return 0;
}

static bool read_options(int argc, char **argv, struct options *options)
{
	int option;
	while ((option = getopt(argc, argv, "t:n:r:b:s:w:zu:d:S:")) >= 0) {
		switch (option) {
		case 't':
			options->seconds = strtod(optarg, NULL);
			break;
		case 'n':
			options->count = strtoull(optarg, NULL, 10);
			break;
		case 'r':
			options->rate = strtod(optarg, NULL);
			break;
		case 'b':
			options->burst = strtoull(optarg, NULL, 10);
			break;
		case 's':
			options->sockets = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			options->window = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'z':
			options->zipf = true;
			break;
		case 'u':
			options->new_percent = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			options->domain = optarg;
			break;
		case 'S':
			options->seed = strtoull(optarg, NULL, 10);
			break;
		default:
			return false;
		}
	}
	options->window /= options->sockets > 0 ? options->sockets : 1;
	return optind + 3 == argc && options->sockets > 0 && options->sockets <= SOCKETS_MAX &&
	       options->window > 0 && options->window <= SLOTS_MAX && options->burst > 0;
}

static int prepare(struct flood *flood, const char *path, const struct sockaddr_in *address)
{
	flood->random = flood->options.seed * 0x9e3779b97f4a7c15ULL | 1;
	int r = read_packets(flood, path);
	if (flood->packet_count == 0)
		return r < 0 ? r : -ENODATA;
	if (r == 0 && flood->options.zipf)
		r = draw_all(flood);
	if (r == 0)
		r = prepare_unseen(flood);
	if (r == 0)
		r = open_ports(flood, address);
	if (flood->options.count == 0)
		flood->options.count = flood->packet_count;
	return r;
}

int main(int argc, char **argv)
{
	static struct flood flood = {.options = {.sockets = 4,
	                                         .window = 128,
	                                         .burst = 1,
	                                         .domain = "example.com",
	                                         .seed = 1}};
	struct sockaddr_in address = {.sin_family = AF_INET};
	if (!read_options(argc, argv, &flood.options) ||
	    inet_pton(AF_INET, argv[optind], &address.sin_addr) != 1) {
		fputs("usage: dns_flood [-t SECONDS | -n COUNT] [-r RATE] [-b BURST] [-s SOCKETS]\n"
		      "                 [-w WINDOW] [-z] [-u PERCENT -d DOMAIN] [-S SEED]\n"
		      "                 ADDRESS PORT FILE\n",
		      stderr);
		return 2;
	}
	address.sin_port = htons((uint16_t)strtoul(argv[optind + 1], NULL, 10));
	int r = prepare(&flood, argv[optind + 2], &address);
	if (r < 0) {
		fprintf(stderr, "dns_flood: %s\n", strerror(-r));
		return 1;
	}
	flood.began = now();
	if (flood.options.rate > 0)
		keep_rate(&flood);
	else
		saturate(&flood);
	double seconds = (double)(now() - flood.began) / 1e9;
	wait_for_rest(&flood);
	report(&flood, seconds);
	return 0;
}
