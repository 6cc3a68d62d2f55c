/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>

#include "common/netlink.h"
#include "nft-sync/draw/delta.h"
#include "nft-sync/kernel/nft.h"
#include "nft-sync/kernel/nft_batch.h"
#include "nft-sync/kernel/nft_digest.h"
#include "nft-sync/kernel/nft_elements.h"
#include "nft-sync/kernel/nft_reader.h"
#include "nft-sync/kernel/nft_watch.h"

#define APPLY_ATTEMPTS 8
#define ACK_BYTES 65536
#define QUIET_BYTES (128U << 10)

/* From linux/netfilter/nf_tables.h of 6.9; older headers lack the second. */
#define TABLE_OWNER 0x2U
#define TABLE_PERSIST 0x4U

struct nft {
	char table[IMAGE_NAME_MAX];
	struct mnl_socket *transactions; /* owns the table where the kernel knows PERSIST */
	struct netlink queries;
	struct nft_watch watch;
	uint32_t sequence;
	uint32_t table_flags;
	const struct image *known; /* what the kernel holds; NULL: to be read */
	struct image *read;        /* known, where it was read */
};

static int open_transactions(struct nft *nft, struct error *err)
{
	int on = 1;
	nft->transactions = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!nft->transactions || mnl_socket_bind(nft->transactions, 0, MNL_SOCKET_AUTOPID) < 0)
		return error_set(err, -errno, "cannot open a netlink socket: %s", strerror(errno));
	/* An error answer need not bring the whole message back. */
	(void)mnl_socket_setsockopt(nft->transactions, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

int nft_open(const char *table, bool own, struct nft **ret, struct error *err)
{
	struct nft *nft = calloc(1, sizeof(*nft));
	if (!nft)
		return error_set(err, -ENOMEM, "no memory");
	strncpy(nft->table, table, sizeof(nft->table) - 1);
	nft->table_flags = own ? TABLE_OWNER | TABLE_PERSIST : 0;
	int r = open_transactions(nft, err);
	if (r == 0)
		r = netlink_open(&nft->queries, NETLINK_NETFILTER, err);
	/* Others' transactions disturb our dumps, but not what is in them: see nft_reader.h. */
	nft->queries.tolerant = true;
	if (r == 0)
		r = nft_watch_open(&nft->watch, nft->table,
		                   mnl_socket_get_portid(nft->transactions), err);
	if (r < 0) {
		nft_close(nft);
		return r;
	}
	*ret = nft;
	return 0;
}

void nft_close(struct nft *nft)
{
	if (!nft)
		return;
	nft_watch_close(&nft->watch);
	netlink_close(&nft->queries);
	if (nft->transactions)
		mnl_socket_close(nft->transactions);
	image_free(nft->read);
	free(nft);
}

void nft_distrust(struct nft *nft)
{
	nft->known = NULL;
	image_free(nft->read);
	nft->read = NULL;
}

int nft_watch_fd(const struct nft *nft)
{
	return mnl_socket_get_fd(nft->watch.socket);
}

int nft_watch_read(struct nft *nft, struct nft_tampering *ret)
{
	if (nft_watch_drain(&nft->watch))
		nft_distrust(nft);
	*ret = nft->watch.found;
	nft->watch.found.seen = false;
	nft->watch.found.around_us = false;
	return 0;
}

/* The whole batch must fit in the socket's send buffer: it is one datagram. */
static int size_send_buffer(struct mnl_socket *socket, size_t bytes)
{
	int fd = mnl_socket_get_fd(socket);
	int wanted = (int)bytes + 4096;
	int have = 0;
	socklen_t length = sizeof(have);
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &have, &length) == 0 && have >= 2 * wanted)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof(wanted)) < 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted)) < 0)
		return -errno;
	return 0;
}

/* Of all answers to a batch: the first error and the message it is about, or the acknowledgement.
 */
struct answers {
	bool acknowledged;
	int error;
	uint32_t sequence;
};

static void read_answer(const struct nlmsghdr *message, struct answers *answers)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != NLMSG_ERROR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*error))
		return;
	if (error->error == 0) {
		answers->acknowledged = true;
	} else if (answers->error == 0) {
		answers->error = error->error;
		answers->sequence = message->nlmsg_seq;
	}
}

/* The kernel has handled the batch when sendmsg returns: every answer is already here. */
static int read_answers(struct nft *nft, const struct nft_batch *batch, struct answers *answers)
{
	static uint8_t buffer[ACK_BYTES];
	int fd = mnl_socket_get_fd(nft->transactions);
	uint32_t last = batch->first_sequence + batch->messages + 1;
	memset(answers, 0, sizeof(*answers));
	for (;;) {
		ssize_t length = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		/*
		 * ENOBUFS: more errors than the buffer holds, as where the first message of many is
		 * refused and all others fail with it. What it holds is the first ones.
		 */
		if (length < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (length < 0 && errno == EAGAIN)
			break;
		if (length < 0)
			return -errno;
		const struct nlmsghdr *message = (const void *)buffer;
		int rest = (int)length;
		for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest))
			if (message->nlmsg_seq - batch->first_sequence <=
			    last - batch->first_sequence)
				read_answer(message, answers);
	}
	if (answers->error)
		return answers->error;
	return answers->acknowledged ? 0 : -ENOBUFS;
}

static int send_batch(struct nft *nft, const struct nft_batch *batch, const struct delta *delta,
                      struct error *err)
{
	char what[IMAGE_NAME_MAX + 64];
	struct answers answers = {0};
	int r = size_send_buffer(nft->transactions, batch->used);
	if (r == 0 && mnl_socket_sendto(nft->transactions, batch->data, batch->used) < 0)
		r = -errno;
	if (r == 0)
		r = read_answers(nft, batch, &answers);
	if (r < 0)
		error_set(err, r, "table %s: the kernel refused to %s: %s", nft->table,
		          answers.error ? nft_batch_describe(batch, delta, answers.sequence, what,
		                                             sizeof(what))
		                        : "take the batch",
		          strerror(-r));
	return r;
}

/* The generation that a batch made from what is known may be sent to. */
static int current_generation(struct nft *nft, uint32_t *generation, struct error *err)
{
	int r = nft_read_generation(&nft->queries, generation);
	if (r < 0)
		return error_set(err, r, "cannot read the generation of the kernel's rule set: %s",
		                 strerror(-r));
	if (!nft_watch_drain(&nft->watch))
		return 0;
	nft_distrust(nft);
	return error_set(err, -ERESTART, "table %s: another process is changing it", nft->table);
}

/*
 * A large batch is sent with the watch turned away: the kernel writes a notification for every
 * element, which for 200,000 of them takes longer than all the rest. Whether somebody else was
 * there meanwhile the generation tells.
 */
static int send_quietly(struct nft *nft, const struct nft_batch *batch, const struct delta *delta,
                        uint32_t generation, struct error *err)
{
	uint32_t after = 0;
	nft_watch_pause(&nft->watch);
	int r = send_batch(nft, batch, delta, err);
	int resumed = nft_watch_resume(&nft->watch, err);
	if (r == 0)
		r = resumed;
	if (r == 0)
		r = nft_read_generation(&nft->queries, &after);
	if (r == 0 && after == generation + 1)
		return 0;
	nft_distrust(nft);
	return r < 0 ? r : error_set(err, -ERESTART, "table %s: to be looked at again", nft->table);
}

/* The generation is read last: others may commit often, and a large batch takes its time. */
static int commit(struct nft *nft, const struct delta *delta, struct nft_report *report,
                  struct error *err)
{
	struct nft_batch batch;
	uint32_t generation = 0;
	int r = nft_batch_make(&batch, delta, nft->table, nft->table_flags, nft->sequence);
	if (r < 0)
		return error_set(err, r, "no memory for a batch");
	nft->sequence += batch.messages + 2;
	r = current_generation(nft, &generation, err);
	nft_batch_expect(&batch, generation);
	if (r == 0)
		r = batch.used > QUIET_BYTES ? send_quietly(nft, &batch, delta, generation, err)
		                             : send_batch(nft, &batch, delta, err);
	report->messages = batch.messages;
	report->bytes = batch.used;
	report->generation = generation + 1;
	nft_batch_free(&batch);
	return r;
}

static int ensure_known(struct nft *nft, struct nft_report *report, struct error *err)
{
	if (nft_watch_drain(&nft->watch))
		nft_distrust(nft);
	if (nft->known)
		return 0;
	report->reread = true;
	int r = nft_read_image(&nft->queries, &nft->watch, &nft->read, &report->generation, err);
	if (r < 0 || !nft->read)
		return r;
	/* Whoever does not own tables leaves an orphan one: its flags can't be taken back. */
	if (nft->table_flags == 0)
		nft->read->orphan = false;
	nft->known = nft->read;
	return 0;
}

static int apply_once(struct nft *nft, const struct image *wanted, bool only_new,
                      struct nft_report *report, struct error *err)
{
	struct delta *delta = NULL;
	int r = ensure_known(nft, report, err);
	if (r < 0)
		return r;
	if (only_new && nft->known->present) {
		report->changed = false;
		return 0;
	}
	r = delta_make(nft->known, wanted, &delta);
	if (r < 0)
		return error_set(err, r, "no memory to compare table %s", nft->table);
	if (delta->count > 0) {
		report->changed = true;
		report->elements_added = delta->elements_added;
		report->elements_deleted = delta->elements_deleted;
		r = commit(nft, delta, report, err);
	}
	delta_free(delta);
	return r;
}

static void back_off(unsigned attempt)
{
	struct timespec pause = {.tv_nsec = 1000000L << attempt};
	nanosleep(&pause, NULL);
}

/* Whether trying again can help; what has to be given up before. */
static bool recover(struct nft *nft, int r)
{
	switch (r) {
	case -ERESTART: /* another transaction came between; the watch tells whether it was ours */
		return true;
	case -EOPNOTSUPP: /* no PERSIST before Linux 6.9, and OWNER alone would be fail-open */
	case -EPERM:
		if (nft->table_flags == 0)
			return false;
		nft->table_flags = 0;
		nft_distrust(nft);
		return true;
	case -EBUSY:
	case -EEXIST:
	case -ENOENT:
	case -ENOBUFS:
	case -EINTR:
	case -ETIMEDOUT:
		nft_distrust(nft);
		return true;
	default:
		nft_distrust(nft);
		return false;
	}
}

static int apply(struct nft *nft, struct image *wanted, bool only_new, struct nft_report *report,
                 struct error *err)
{
	int r = -EBUSY;
	memset(report, 0, sizeof(*report));
	for (size_t i = 0; i < wanted->chain_count; i++)
		if (nft_chain_digest(wanted->chains[i]) < 0)
			return error_set(err, -ENOMEM, "no memory for a rule");
	for (unsigned attempt = 0; r < 0 && attempt < APPLY_ATTEMPTS; attempt++) {
		struct error failure = {0};
		report->attempts = attempt + 1;
		r = apply_once(nft, wanted, only_new, report, &failure);
		if (r == 0)
			break;
		bool again = recover(nft, r);
		if (!again || attempt + 1 == APPLY_ATTEMPTS) {
			error_set(err, r, "%s", failure.text);
			return r;
		}
		back_off(attempt);
	}
	if (only_new && !report->changed)
		return 0;
	nft->known = wanted;
	image_free(nft->read);
	nft->read = NULL;
	return 0;
}

int nft_apply(struct nft *nft, struct image *wanted, struct nft_report *report, struct error *err)
{
	return apply(nft, wanted, false, report, err);
}

int nft_apply_new(struct nft *nft, struct image *wanted, struct nft_report *report,
                  struct error *err)
{
	return apply(nft, wanted, true, report, err);
}

struct counter_visit {
	int (*visit)(const struct nft_element *element, void *context);
	void *context;
};

static int read_counters_cb(const struct nlmsghdr *message, void *data)
{
	struct counter_visit *visit = data;
	int r = nft_each_element(message, visit->visit, visit->context);
	return r < 0 ? r : MNL_CB_OK;
}

/* Asks for all that there is of a kind; what part of it the caller says. */
static struct nlmsghdr *dump_begin(void *buffer, uint16_t type)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = (uint16_t)((NFNL_SUBSYS_NFTABLES << 8) | type);
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(request, sizeof(*family));
	family->nfgen_family = 1; /* NFPROTO_INET */
	family->version = NFNETLINK_V0;
	family->res_id = 0;
	return request;
}

int nft_read_counters(struct nft *nft, const char *set,
                      int (*visit)(const struct nft_element *element, void *context), void *context)
{
	char buffer[512];
	struct counter_visit data = {.visit = visit, .context = context};
	struct nlmsghdr *request = dump_begin(buffer, NFT_MSG_GETSETELEM);
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, nft->table);
	mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set);
	return netlink_query(&nft->queries, request, read_counters_cb, &data);
}

/* The one counter of a chain: found says whether it has come by. */
struct chain_counter {
	const char *table, *chain;
	bool found;
	uint64_t packets;
};

static int is_counter(struct nftnl_expr *expression, void *data)
{
	struct chain_counter *counter = data;
	if (strcmp(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), "counter") == 0) {
		counter->packets = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_PACKETS);
		counter->found = true;
	}
	return 0;
}

/* Kernels before 6.4 list the rules of all tables. */
static int read_chain_counter_cb(const struct nlmsghdr *message, void *data)
{
	struct chain_counter *counter = data;
	struct nftnl_rule *rule = nftnl_rule_alloc();
	if (!rule)
		return -ENOMEM;
	if (nftnl_rule_nlmsg_parse(message, rule) == 0 &&
	    strcmp(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), counter->table) == 0 &&
	    strcmp(nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN), counter->chain) == 0)
		(void)nftnl_expr_foreach(rule, is_counter, counter);
	nftnl_rule_free(rule);
	return MNL_CB_OK;
}

int nft_read_chain_counter(struct nft *nft, const char *chain, uint64_t *packets)
{
	char buffer[512];
	struct chain_counter counter = {.table = nft->table, .chain = chain};
	struct nlmsghdr *request = dump_begin(buffer, NFT_MSG_GETRULE);
	mnl_attr_put_strz(request, NFTA_RULE_TABLE, nft->table);
	mnl_attr_put_strz(request, NFTA_RULE_CHAIN, chain);
	int r = netlink_query(&nft->queries, request, read_chain_counter_cb, &counter);
	*packets = counter.packets;
	return r == 0 && !counter.found ? -ENOENT : r;
}
