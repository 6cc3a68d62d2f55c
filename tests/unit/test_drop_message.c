/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>

#include <cmocka.h>

#include "nft-sync/draw/names.h"
#include "nft-sync/kernel/drop_message.h"

#define MESSAGE_BYTES 1024

static const uint8_t packet[] = {0x45, 0, 0, 0x28, 0,  1, 0x40, 0, 0x40, 6,    0,    0,
                                 10,   0, 1, 5,    10, 0, 1,    6, 0x9c, 0x40, 0x23, 0x82};

struct message {
	char buffer[MESSAGE_BYTES];
	struct nlmsghdr *header;
};

static void begin(struct message *message)
{
	memset(message, 0, sizeof(*message));
	message->header = mnl_nlmsg_put_header(message->buffer);
	message->header->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;
	mnl_nlmsg_put_extra_header(message->header, sizeof(struct nfgenmsg));
}

/* As the kernel makes it of a packet that web's peer sent to port 9090. */
static void make(struct message *message, const char *prefix)
{
	const struct nfulnl_msg_packet_timestamp time = {htobe64(1772442904), htobe64(123456)};

	begin(message);
	mnl_attr_put_strz(message->header, NFULA_PREFIX, prefix);
	mnl_attr_put_u32(message->header, NFULA_IFINDEX_INDEV, htonl(7));
	mnl_attr_put_u32(message->header, NFULA_IFINDEX_OUTDEV, htonl(9));
	mnl_attr_put(message->header, NFULA_TIMESTAMP, sizeof(time), &time);
	mnl_attr_put(message->header, NFULA_PAYLOAD, sizeof(packet), packet);
	mnl_attr_put_u32(message->header, NFULA_SEQ, htonl(41));
}

/* The flow's original destination: 172.20.0.10 port 80. */
static void add_flow(struct message *message, uint32_t info, const char *address, uint16_t port)
{
	struct nlmsghdr *header = message->header;

	mnl_attr_put_u32(header, NFULA_CT_INFO, htonl(info));
	struct nlattr *flow = mnl_attr_nest_start(header, NFULA_CT);
	struct nlattr *tuple = mnl_attr_nest_start(header, CTA_TUPLE_ORIG);
	struct nlattr *ip = mnl_attr_nest_start(header, CTA_TUPLE_IP);
	mnl_attr_put_u32(header, CTA_IP_V4_SRC, inet_addr("10.0.1.5"));
	mnl_attr_put_u32(header, CTA_IP_V4_DST, inet_addr(address));
	mnl_attr_nest_end(header, ip);
	struct nlattr *proto = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(header, CTA_PROTO_NUM, 6);
	mnl_attr_put_u16(header, CTA_PROTO_SRC_PORT, htons(40000));
	mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(port));
	mnl_attr_nest_end(header, proto);
	mnl_attr_nest_end(header, tuple);
	mnl_attr_nest_end(header, flow);
}

static int parse(const struct message *message, struct drop_record *record, uint32_t *sequence,
                 bool *numbered)
{
	/* A copy of the message's size, so that the sanitizer sees who reads behind it. */
	struct nlmsghdr *exact = malloc(message->header->nlmsg_len);

	assert_non_null(exact);
	memcpy(exact, message->header, message->header->nlmsg_len);
	int r = drop_message_parse(exact, record, sequence, numbered);
	free(exact);
	return r;
}

static void a_message_has_reason_interfaces_time_and_packet(void **state)
{
	struct message message;
	struct drop_record record;
	uint32_t sequence;
	bool numbered;
	char text[PREFIX_TEXT_MAX];

	(void)state;
	make(&message, "podsg ingress node-groups: ");
	assert_int_equal(parse(&message, &record, &sequence, &numbered), 0);
	assert_int_equal(record.reason->direction, DIRECTION_INGRESS);
	assert_string_equal(record.reason->reason, DROP_NODE);
	assert_int_equal(record.in, 7);
	assert_int_equal(record.out, 9);
	assert_int_equal(record.time.tv_sec, 1772442904);
	assert_int_equal(record.time.tv_nsec, 123456000);
	assert_string_equal(prefix_text(&record.packet.destination, text), "10.0.1.6");
	assert_int_equal(record.packet.port, 9090);
	assert_true(record.ports);
	assert_int_equal(record.original.family, 0);
	assert_true(numbered);
	assert_int_equal(sequence, 41);
}

static void every_reason_is_known_by_its_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < drop_reason_count; i++) {
		char prefix[DROP_PREFIX_MAX];
		struct message message;
		struct drop_record record;
		uint32_t sequence;
		bool numbered;

		make(&message, drop_prefix(&drop_reasons[i], prefix));
		assert_int_equal(parse(&message, &record, &sequence, &numbered), 0);
		assert_ptr_equal(record.reason, &drop_reasons[i]);
	}
}

static void what_others_log_is_numbered_and_no_drop(void **state)
{
	static const char *const prefixes[] = {"", "ufw: ", "podsg ingress rules",
	                                       "podsg up rules: "};

	(void)state;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct message message;
		struct drop_record record;
		uint32_t sequence;
		bool numbered;

		make(&message, prefixes[i]);
		assert_int_equal(parse(&message, &record, &sequence, &numbered), -ENOENT);
		assert_true(numbered);
		assert_int_equal(sequence, 41);
	}
}

static void the_destination_before_dnat_is_conntracks(void **state)
{
	static const struct {
		const char *address;
		uint16_t port;
		const char *original; /* "" = the same */
	} rows[] = {
		{"172.20.0.10", 80, "172.20.0.10"},
		{"10.0.1.6", 9090, ""},
		{"10.0.1.6", 80, "10.0.1.6"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct message message;
		struct drop_record record;
		char text[PREFIX_TEXT_MAX];
		uint32_t sequence;
		bool numbered;

		make(&message, "podsg ingress rules: ");
		add_flow(&message, IP_CT_NEW, rows[i].address, rows[i].port);
		assert_int_equal(parse(&message, &record, &sequence, &numbered), 0);
		assert_int_equal(record.packet.original_port, rows[i].port);
		assert_false(record.packet.answer);
		if (rows[i].original[0])
			assert_string_equal(prefix_text(&record.original, text), rows[i].original);
		else
			assert_int_equal(record.original.family, 0);
	}
}

/* Its flow's original destination is where it comes from. */
static void an_answer_was_sent_nowhere_else(void **state)
{
	struct message message;
	struct drop_record record;
	uint32_t sequence;
	bool numbered;

	(void)state;
	make(&message, "podsg ingress rules: ");
	add_flow(&message, IP_CT_ESTABLISHED_REPLY, "172.20.0.10", 80);
	assert_int_equal(parse(&message, &record, &sequence, &numbered), 0);
	assert_true(record.packet.answer);
	assert_int_equal(record.original.family, 0);
	assert_int_equal(record.packet.original_port, 9090);
}

static void messages_that_lack_something_are_refused(void **state)
{
	struct message message;
	struct drop_record record;
	uint32_t sequence;
	bool numbered;

	(void)state;
	begin(&message);
	mnl_attr_put_strz(message.header, NFULA_PREFIX, "podsg ingress rules: ");
	assert_int_equal(parse(&message, &record, &sequence, &numbered), -EBADMSG);
	assert_false(numbered);
	mnl_attr_put(message.header, NFULA_PAYLOAD, 5, packet);
	assert_int_equal(parse(&message, &record, &sequence, &numbered), -EBADMSG);
	message.header->nlmsg_len = NLMSG_HDRLEN + 1;
	assert_int_equal(parse(&message, &record, &sequence, &numbered), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_has_reason_interfaces_time_and_packet),
		cmocka_unit_test(every_reason_is_known_by_its_prefix),
		cmocka_unit_test(what_others_log_is_numbered_and_no_drop),
		cmocka_unit_test(the_destination_before_dnat_is_conntracks),
		cmocka_unit_test(an_answer_was_sent_nowhere_else),
		cmocka_unit_test(messages_that_lack_something_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
