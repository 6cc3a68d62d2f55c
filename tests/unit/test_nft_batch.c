/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/kernel/nft_batch.h"
#include "tests/unit/images.h"

#define SEQUENCE 0xfffffffeU /* it wraps within every batch */
#define GENERATION 0x01020304U

struct making {
	struct image *image;
	struct delta *delta;
	struct nft_batch batch;
};

static struct image_set *large_set(size_t count)
{
	enum key_type type = KEY_ADDRESS6;
	struct image_set *set = image_set_new("s", &type, 1, DATA_NONE);

	assert_non_null(set);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t key[16] = {0x20};
		uint32_t number = htonl(i);

		memcpy(key + 12, &number, sizeof(number));
		assert_int_equal(image_set_add(set, key, NULL, NULL, "ns/pod"), 0);
	}
	return set;
}

/* The batch that makes the image; the image is taken over. */
static void make(struct making *making, struct image *image)
{
	making->image = image;
	assert_int_equal(delta_make(NULL, image, &making->delta), 0);
	assert_int_equal(nft_batch_make(&making->batch, making->delta, "t", 0, SEQUENCE), 0);
	nft_batch_expect(&making->batch, GENERATION);
}

static void done(struct making *making)
{
	nft_batch_free(&making->batch);
	delta_free(making->delta);
	image_free(making->image);
}

static unsigned kind_of(const struct nlmsghdr *message)
{
	return message->nlmsg_type & 0xff;
}

static void assert_begins(const struct nlmsghdr *message)
{
	const struct nlattr *attribute =
		mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg));

	assert_int_equal(message->nlmsg_type, NFNL_MSG_BATCH_BEGIN);
	assert_int_equal(mnl_attr_get_type(attribute), NFNL_BATCH_GENID);
	assert_int_equal(ntohl(mnl_attr_get_u32(attribute)), GENERATION);
}

/* Numbers rise by one from the frame's first to its last message; only the last one between asks
 * for an answer. */
static void assert_whole(const struct nft_batch *batch)
{
	const struct nlmsghdr *message = (const void *)batch->data;
	int rest = (int)batch->used;
	uint32_t last = batch->messages + 1;

	assert_begins(message);
	for (uint32_t number = 0; number <= last; number++) {
		assert_true(mnl_nlmsg_ok(message, rest));
		assert_int_equal(message->nlmsg_seq, SEQUENCE + number);
		assert_int_equal((message->nlmsg_flags & NLM_F_ACK) != 0, number == last - 1);
		if (number == last)
			assert_int_equal(message->nlmsg_type, NFNL_MSG_BATCH_END);
		message = mnl_nlmsg_next(message, &rest);
	}
	assert_int_equal(rest, 0);
}

static void a_batch_is_a_frame_around_numbered_messages(void **state)
{
	struct making making = {0};

	(void)state;
	make(&making, image_of(SETS(SET("s", KEY_PORT, "1", "2")), CHAINS(chain_of("x", "drop"))));
	/* table, set, its elements, chain, its rule */
	assert_int_equal(making.batch.messages, 5);
	assert_whole(&making.batch);
	done(&making);
}

/* Wherever the memory of the batch happens to be full. */
static void a_batch_of_any_size_is_whole(void **state)
{
	(void)state;
	for (size_t count = 1; count < 9000; count += 97) {
		struct making making = {0};

		make(&making, image_of(SETS(large_set(count)), NO_CHAINS));
		assert_whole(&making.batch);
		done(&making);
	}
}

static void elements_are_spread_over_messages_that_fit_an_attribute(void **state)
{
	struct making making = {0};
	const struct nlmsghdr *message;
	size_t elements = 0;
	unsigned lists = 0;
	int rest;

	(void)state;
	make(&making, image_of(SETS(large_set(5000)), NO_CHAINS));
	message = (const void *)making.batch.data;
	rest = (int)making.batch.used;
	for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
		const struct nlattr *attribute;
		const struct nlattr *element;

		assert_true(message->nlmsg_len < 65536);
		if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES ||
		    kind_of(message) != NFT_MSG_NEWSETELEM)
			continue;
		lists++;
		mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg))
			if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_LIST_ELEMENTS)
				mnl_attr_for_each_nested (element, attribute)
					elements++;
	}
	assert_int_equal(elements, 5000);
	assert_in_range(lists, 2, 10);
	done(&making);
}

static void an_empty_delta_is_an_empty_frame(void **state)
{
	struct delta delta = {0};
	struct nft_batch batch;

	(void)state;
	assert_int_equal(nft_batch_make(&batch, &delta, "t", 0, SEQUENCE), 0);
	nft_batch_expect(&batch, GENERATION);
	assert_int_equal(batch.messages, 0);
	assert_begins((const void *)batch.data);
	nft_batch_free(&batch);
}

static void an_error_is_told_by_the_step_that_its_message_came_from(void **state)
{
	static const struct {
		uint32_t message;
		const char *text;
	} rows[] = {
		{0, "take the batch as a whole"},
		{1, "add the table"},
		{2, "add set s"},
		{3, "add elements to set s"},
		{4, "add chain x"},
		{5, "add a rule to chain x"},
		{6, "add a rule to chain x"},
		{7, "take the batch as a whole"},
		{1000, "take the batch as a whole"},
	};
	struct making making = {0};
	char text[IMAGE_NAME_MAX + 64];

	(void)state;
	make(&making, image_of(SETS(SET("s", KEY_PORT, "1")), CHAINS(chain_of("x", "drop\ndrop"))));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(nft_batch_describe(&making.batch, making.delta,
		                                       SEQUENCE + rows[i].message, text,
		                                       sizeof(text)),
		                    rows[i].text);
	done(&making);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_a_frame_around_numbered_messages),
		cmocka_unit_test(a_batch_of_any_size_is_whole),
		cmocka_unit_test(elements_are_spread_over_messages_that_fit_an_attribute),
		cmocka_unit_test(an_empty_delta_is_an_empty_frame),
		cmocka_unit_test(an_error_is_told_by_the_step_that_its_message_came_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
