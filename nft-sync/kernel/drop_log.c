/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h> /* before linux/netfilter.h, which brings another one */
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/netlink.h"
#include "nft-sync/kernel/drop_log.h"
#include "nft-sync/kernel/drop_packet.h"

#define REQUEST_SIZE 256
/* All chains together log some hundreds a second; this holds what comes during a long commit. */
#define RECEIVE_BUFFER (4 << 20)
/* The kernel gathers messages that long, in hundredths of a second, or until a page is full. */
#define GATHER 5
#define DATAGRAM_BYTES 16384
#define DATAGRAMS_AT_ONCE 4

struct drop_log {
	struct netlink netlink;
	uint32_t next; /* the sequence number that is due */
	uint64_t lost;
	void (*visit)(const struct drop_record *record, void *context);
	void *context;
	uint8_t datagram[DATAGRAM_BYTES];
};

static int configure(struct netlink *netlink, uint16_t group, uint16_t flags)
{
	char buffer[REQUEST_SIZE];
	const struct nfulnl_msg_config_cmd command = {.command = NFULNL_CFG_CMD_BIND};
	const struct nfulnl_msg_config_mode mode = {.copy_range = htonl(DROP_PACKET_BYTES),
	                                            .copy_mode = NFULNL_COPY_PACKET};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG;
	request->nlmsg_flags = NLM_F_REQUEST;
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = AF_UNSPEC;
	header->version = NFNETLINK_V0;
	header->res_id = htons(group);
	mnl_attr_put(request, NFULA_CFG_CMD, sizeof(command), &command);
	mnl_attr_put(request, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(request, NFULA_CFG_TIMEOUT, htonl(GATHER));
	mnl_attr_put_u16(request, NFULA_CFG_FLAGS, htons(flags));
	return netlink_query(netlink, request, NULL, NULL);
}

/* Without conntrack's netlink module nothing is said of the destination before DNAT. */
static int configure_best(struct netlink *netlink, uint16_t group)
{
	int r = configure(netlink, group, NFULNL_CFG_F_SEQ | NFULNL_CFG_F_CONNTRACK);
	return r == -EOPNOTSUPP ? configure(netlink, group, NFULNL_CFG_F_SEQ) : r;
}

/* The kernel answers EPERM to whom it does not let near a group that somebody else has. */
static int configure_error(int r, uint16_t group, struct error *err)
{
	if (r == -EBUSY || (r == -EPERM && geteuid() == 0))
		return error_set(
			err, -EBUSY,
			"another process listens to nfnetlink_log group %u "
			"(/proc/net/netfilter/nfnetlink_log names its netlink port): end it, "
			"or set nftSync.dropLog.group to a free one",
			group);
	return error_set(err, r, "cannot listen to nfnetlink_log group %u: %s", group,
	                 strerror(-r));
}

static int be_ready(struct drop_log *log)
{
	int fd = drop_log_fd(log);
	int size = RECEIVE_BUFFER;
	int yes = 1;
	/* Messages are numbered: what is lost shows. */
	if (mnl_socket_setsockopt(log->netlink.socket, NETLINK_NO_ENOBUFS, &yes, sizeof(yes)) < 0)
		return -errno;
	/* Without the privilege the default size does. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int drop_log_open(uint16_t group, struct drop_log **ret, struct error *err)
{
	struct drop_log *log = calloc(1, sizeof(*log));
	if (!log)
		return error_set(err, -ENOMEM, "no memory for the drop log");
	int r = netlink_open(&log->netlink, NETLINK_NETFILTER, err);
	if (r == 0) {
		r = configure_best(&log->netlink, group);
		if (r == 0)
			r = be_ready(log);
		if (r < 0)
			r = configure_error(r, group, err);
	}
	if (r < 0) {
		drop_log_close(log);
		return r;
	}
	*ret = log;
	return 0;
}

void drop_log_close(struct drop_log *log)
{
	if (!log)
		return;
	netlink_close(&log->netlink);
	free(log);
}

int drop_log_fd(const struct drop_log *log)
{
	return mnl_socket_get_fd(log->netlink.socket);
}

uint64_t drop_log_lost(const struct drop_log *log)
{
	return log->lost;
}

static int message_cb(const struct nlmsghdr *message, void *data)
{
	struct drop_log *log = data;
	struct drop_record record;
	uint32_t sequence;
	bool has_sequence;
	if (message->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
		return MNL_CB_OK;
	int r = drop_message_parse(message, &record, &sequence, &has_sequence);
	if (has_sequence) {
		log->lost += sequence - log->next;
		log->next = sequence + 1;
	}
	if (r == 0)
		log->visit(&record, log->context);
	return MNL_CB_OK;
}

void drop_log_read(struct drop_log *log,
                   void (*visit)(const struct drop_record *record, void *context), void *context)
{
	struct mnl_socket *socket = log->netlink.socket;
	log->visit = visit;
	log->context = context;
	for (unsigned i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		ssize_t length = mnl_socket_recvfrom(socket, log->datagram, sizeof(log->datagram));
		if (length < 0 && errno != EINTR)
			return;
		if (length > 0)
			mnl_cb_run(log->datagram, (size_t)length, 0, 0, message_cb, log);
	}
}
