/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include "nft-sync/kernel/nft_batch.h"
#include "nft-sync/kernel/nft_expression.h"
#include "nft-sync/kernel/nft_types.h"

/* Room kept free before each message: more than any single one needs. */
#define MESSAGE_ROOM (96U << 10)
/* A list of elements is one attribute, whose length has 16 bits. */
#define ELEMENTS_BYTES_MAX (60U << 10)

struct builder {
	struct nft_batch *batch;
	const char *table;
	uint32_t table_flags;
	uint32_t step; /* of the delta, being written */
	size_t last;   /* where the last message begins: the data moves as it grows */
};

static int make_room(struct builder *b)
{
	struct nft_batch *batch = b->batch;
	if (batch->capacity - batch->used >= MESSAGE_ROOM)
		return 0;
	size_t capacity = batch->capacity ? 2 * batch->capacity : 4 * MESSAGE_ROOM;
	uint8_t *data = realloc(batch->data, capacity);
	if (!data)
		return -ENOMEM;
	batch->data = data;
	batch->capacity = capacity;
	return 0;
}

static struct nlmsghdr *put_header(struct nft_batch *batch, uint16_t type, uint16_t flags,
                                   uint32_t number)
{
	bool frame = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;
	struct nlmsghdr *header = mnl_nlmsg_put_header(batch->data + batch->used);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = batch->first_sequence + number;
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(header, sizeof(*family));
	family->nfgen_family = frame ? AF_UNSPEC : NFPROTO_INET;
	family->version = NFNETLINK_V0;
	family->res_id = htons(frame ? NFNL_SUBSYS_NFTABLES : 0);
	return header;
}

/* Starts the next message of the transaction; NULL when memory is short. */
static struct nlmsghdr *message_begin(struct builder *b, uint16_t type, uint16_t flags)
{
	struct nft_batch *batch = b->batch;
	if (make_room(b) < 0)
		return NULL;
	if (batch->messages + 1 >= batch->step_capacity) {
		size_t capacity = batch->step_capacity ? 2 * batch->step_capacity : 256;
		uint32_t *steps = reallocarray(batch->steps, capacity, sizeof(*steps));
		if (!steps)
			return NULL;
		batch->steps = steps;
		batch->step_capacity = capacity;
	}
	batch->steps[++batch->messages] = b->step;
	return put_header(batch, (NFNL_SUBSYS_NFTABLES << 8) | type, flags, batch->messages);
}

static void message_end(struct builder *b, struct nlmsghdr *header)
{
	b->last = b->batch->used;
	b->batch->used += header->nlmsg_len;
}

static int put_simple_table(struct builder *b, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = message_begin(b, type, flags);
	if (!header)
		return -ENOMEM;
	mnl_attr_put_strz(header, NFTA_TABLE_NAME, b->table);
	if (type == NFT_MSG_NEWTABLE)
		mnl_attr_put_u32(header, NFTA_TABLE_FLAGS, htonl(b->table_flags));
	message_end(b, header);
	return 0;
}

/* User data that nft reads comments from: type, length with the final NUL, text. */
static unsigned comment_userdata(uint8_t type, const char *comment, uint8_t *data)
{
	unsigned length = (unsigned)strnlen(comment, IMAGE_COMMENT_MAX - 1) + 1;
	data[0] = type;
	data[1] = (uint8_t)length;
	memcpy(data + 2, comment, length - 1);
	data[2 + length - 1] = '\0';
	return length + 2;
}

static void put_set_key(struct nlmsghdr *header, const struct image_set *set)
{
	mnl_attr_put_u32(header, NFTA_SET_KEY_TYPE, htonl(nft_set_key_type(set)));
	mnl_attr_put_u32(header, NFTA_SET_KEY_LEN, htonl(nft_set_key_length(set)));
	if (set->data != DATA_NONE) {
		mnl_attr_put_u32(header, NFTA_SET_DATA_TYPE, htonl(nft_set_data_type(set->data)));
		mnl_attr_put_u32(header, NFTA_SET_DATA_LEN, htonl(nft_set_data_length(set->data)));
	}
}

/* The kernel takes ranges over several fields only where it knows how long each is. */
static void put_set_concatenation(struct nlmsghdr *header, const struct image_set *set)
{
	struct nlattr *desc = mnl_attr_nest_start(header, NFTA_SET_DESC);
	struct nlattr *concat = mnl_attr_nest_start(header, NFTA_SET_DESC_CONCAT);
	for (unsigned i = 0; i < set->field_count; i++) {
		struct nlattr *field = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
		mnl_attr_put_u32(header, NFTA_SET_FIELD_LEN, htonl(key_type_length(set->types[i])));
		mnl_attr_nest_end(header, field);
	}
	mnl_attr_nest_end(header, concat);
	mnl_attr_nest_end(header, desc);
}

static void put_counter_template(struct nlmsghdr *header)
{
	struct nlattr *nest = mnl_attr_nest_start(header, NFTA_SET_EXPR);
	mnl_attr_put_strz(header, NFTA_EXPR_NAME, "counter");
	struct nlattr *data = mnl_attr_nest_start(header, NFTA_EXPR_DATA);
	mnl_attr_put_u64(header, NFTA_COUNTER_BYTES, 0);
	mnl_attr_put_u64(header, NFTA_COUNTER_PACKETS, 0);
	mnl_attr_nest_end(header, data);
	mnl_attr_nest_end(header, nest);
}

/* nft shows interface names, the only keys in the machine's byte order, as empty without. */
#define BYTE_ORDER_HOST 1U

static void put_set_userdata(struct nlmsghdr *header, const struct image_set *set)
{
	uint8_t data[IMAGE_COMMENT_MAX + 2 + 2 + sizeof(uint32_t)];
	unsigned length = 0;
	if (set->field_count == 1 && set->types[0] == KEY_INTERFACE) {
		uint32_t order = BYTE_ORDER_HOST;
		data[length++] = NFTNL_UDATA_SET_KEYBYTEORDER;
		data[length++] = sizeof(order);
		memcpy(data + length, &order, sizeof(order));
		length += sizeof(order);
	}
	if (set->comment[0])
		length += comment_userdata(NFTNL_UDATA_SET_COMMENT, set->comment, data + length);
	if (length > 0)
		mnl_attr_put(header, NFTA_SET_USERDATA, length, data);
}

static int put_set(struct builder *b, const struct image_set *set)
{
	struct nlmsghdr *header = message_begin(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	if (!header)
		return -ENOMEM;
	mnl_attr_put_strz(header, NFTA_SET_TABLE, b->table);
	mnl_attr_put_strz(header, NFTA_SET_NAME, set->name);
	mnl_attr_put_u32(header, NFTA_SET_FLAGS, htonl(nft_set_flags(set)));
	put_set_key(header, set);
	mnl_attr_put_u32(header, NFTA_SET_ID, htonl(b->batch->messages));
	if (set->interval && set->field_count > 1)
		put_set_concatenation(header, set);
	if (set->counters)
		put_counter_template(header);
	put_set_userdata(header, set);
	message_end(b, header);
	return 0;
}

static int put_set_name(struct builder *b, uint16_t type, const struct image_set *set)
{
	struct nlmsghdr *header = message_begin(b, type, 0);
	if (!header)
		return -ENOMEM;
	mnl_attr_put_strz(header, NFTA_SET_TABLE, b->table);
	mnl_attr_put_strz(header, NFTA_SET_NAME, set->name);
	message_end(b, header);
	return 0;
}

static void put_chain_hook(struct nlmsghdr *header, const struct image_chain *chain)
{
	struct nlattr *hook = mnl_attr_nest_start(header, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(header, NFTA_HOOK_HOOKNUM, htonl(nft_hook_number(chain->hook)));
	mnl_attr_put_u32(header, NFTA_HOOK_PRIORITY, htonl((uint32_t)chain->priority));
	mnl_attr_nest_end(header, hook);
	mnl_attr_put_u32(header, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	mnl_attr_put_strz(header, NFTA_CHAIN_TYPE, nft_hook_type(chain->hook));
}

static int put_chain(struct builder *b, uint16_t type, uint16_t flags,
                     const struct image_chain *chain)
{
	struct nlmsghdr *header = message_begin(b, type, flags);
	if (!header)
		return -ENOMEM;
	mnl_attr_put_strz(header, NFTA_CHAIN_TABLE, b->table);
	mnl_attr_put_strz(header, NFTA_CHAIN_NAME, chain->name);
	if (type == NFT_MSG_NEWCHAIN && chain->hook != HOOK_NONE)
		put_chain_hook(header, chain);
	if (type == NFT_MSG_NEWCHAIN && chain->comment[0]) {
		uint8_t data[IMAGE_COMMENT_MAX + 2];
		unsigned length = comment_userdata(NFTNL_UDATA_CHAIN_COMMENT, chain->comment, data);
		mnl_attr_put(header, NFTA_CHAIN_USERDATA, length, data);
	}
	message_end(b, header);
	return 0;
}

static int put_flush(struct builder *b, const struct image_chain *chain)
{
	struct nlmsghdr *header = message_begin(b, NFT_MSG_DELRULE, 0);
	if (!header)
		return -ENOMEM;
	mnl_attr_put_strz(header, NFTA_RULE_TABLE, b->table);
	mnl_attr_put_strz(header, NFTA_RULE_CHAIN, chain->name);
	message_end(b, header);
	return 0;
}

static int put_rules(struct builder *b, const struct image_chain *chain)
{
	for (size_t i = 0; i < chain->rule_count; i++) {
		struct nlmsghdr *header =
			message_begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
		struct nftnl_rule *rule = nft_rule_make(&chain->rules[i], b->table, chain->name);
		if (!header || !rule) {
			nftnl_rule_free(rule);
			return -ENOMEM;
		}
		nftnl_rule_nlmsg_build_payload(header, rule);
		nftnl_rule_free(rule);
		message_end(b, header);
	}
	return 0;
}

static void put_value(struct nlmsghdr *header, uint16_t attribute, const uint8_t *value,
                      unsigned length)
{
	struct nlattr *nest = mnl_attr_nest_start(header, attribute);
	mnl_attr_put(header, NFTA_DATA_VALUE, length, value);
	mnl_attr_nest_end(header, nest);
}

static void put_element_verdict(struct nlmsghdr *header, const struct verdict_to *verdict)
{
	struct nlattr *data = mnl_attr_nest_start(header, NFTA_SET_ELEM_DATA);
	struct nlattr *nest = mnl_attr_nest_start(header, NFTA_DATA_VERDICT);
	mnl_attr_put_u32(header, NFTA_VERDICT_CODE, htonl(nft_verdict_code(verdict->code)));
	if (verdict->chain[0])
		mnl_attr_put_strz(header, NFTA_VERDICT_CHAIN, verdict->chain);
	mnl_attr_nest_end(header, nest);
	mnl_attr_nest_end(header, data);
}

static void put_element(struct nlmsghdr *header, const struct image_set *set, size_t index)
{
	unsigned length = nft_set_key_length(set);
	struct nlattr *nest = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
	put_value(header, NFTA_SET_ELEM_KEY, image_set_key(set, index), length);
	if (set->interval && set->field_count > 1)
		put_value(header, NFTA_SET_ELEM_KEY_END, image_set_last(set, index), length);
	if (set->verdicts)
		put_element_verdict(header, &set->verdicts[index]);
	if (set->data == DATA_ADDRESS4 || set->data == DATA_ADDRESS6)
		put_value(header, NFTA_SET_ELEM_DATA, image_set_key(set, index), length);
	if (set->comments && set->comments[index]) {
		uint8_t data[IMAGE_COMMENT_MAX + 2];
		unsigned used =
			comment_userdata(NFTNL_UDATA_SET_ELEM_COMMENT, set->comments[index], data);
		mnl_attr_put(header, NFTA_SET_ELEM_USERDATA, used, data);
	}
	mnl_attr_nest_end(header, nest);
}

/* The first key behind a range; false where the range ends with the last key there is. */
static bool key_behind(const uint8_t *last, unsigned length, uint8_t *behind)
{
	memcpy(behind, last, length);
	for (unsigned i = length; i-- > 0;)
		if (++behind[i] != 0)
			return true;
	return false;
}

/* In an interval set of a single field (a tree) the end of a range is an element of its own. */
static void put_interval_end(struct nlmsghdr *header, const struct image_set *set, size_t index)
{
	uint8_t behind[IMAGE_KEY_MAX];
	unsigned length = nft_set_key_length(set);
	if (!key_behind(image_set_last(set, index), length, behind))
		return;
	struct nlattr *nest = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
	put_value(header, NFTA_SET_ELEM_KEY, behind, length);
	mnl_attr_put_u32(header, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	mnl_attr_nest_end(header, nest);
}

static int put_elements(struct builder *b, uint16_t type, const struct delta_step *step)
{
	const struct image_set *set = step->set;
	bool tree = set->interval && set->field_count == 1;
	uint16_t flags = type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0;
	size_t done = 0;
	while (done < step->count) {
		struct nlmsghdr *header = message_begin(b, type, flags);
		if (!header)
			return -ENOMEM;
		mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, b->table);
		mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, set->name);
		struct nlattr *list = mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);
		while (done < step->count && header->nlmsg_len < ELEMENTS_BYTES_MAX) {
			size_t index = step->indexes ? step->indexes[done] : done;
			put_element(header, set, index);
			if (tree)
				put_interval_end(header, set, index);
			done++;
		}
		mnl_attr_nest_end(header, list);
		message_end(b, header);
	}
	return 0;
}

static int put_step(struct builder *b, const struct delta_step *step)
{
	switch (step->kind) {
	case DELTA_DELETE_TABLE:
		return put_simple_table(b, NFT_MSG_DELTABLE, 0);
	case DELTA_ADD_TABLE:
		return put_simple_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	case DELTA_ADD_SET:
		return put_set(b, step->set);
	case DELTA_ADD_CHAIN:
		return put_chain(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, step->chain);
	case DELTA_FLUSH_CHAIN:
		return put_flush(b, step->chain);
	case DELTA_ADD_RULES:
		return put_rules(b, step->chain);
	case DELTA_DELETE_ELEMENTS:
		return put_elements(b, NFT_MSG_DELSETELEM, step);
	case DELTA_ADD_ELEMENTS:
		return put_elements(b, NFT_MSG_NEWSETELEM, step);
	case DELTA_DELETE_SET:
		return put_set_name(b, NFT_MSG_DELSET, step->set);
	case DELTA_DELETE_CHAIN:
		return put_chain(b, NFT_MSG_DELCHAIN, 0, step->chain);
	}
	return -EINVAL;
}

static void put_batch_begin(struct builder *b)
{
	struct nlmsghdr *header = put_header(b->batch, NFNL_MSG_BATCH_BEGIN, 0, 0);
	mnl_attr_put_u32(header, NFNL_BATCH_GENID, 0);
	b->batch->used += header->nlmsg_len;
}

void nft_batch_expect(struct nft_batch *batch, uint32_t generation)
{
	struct nlmsghdr *begin = (void *)batch->data;
	struct nlattr *attribute = mnl_nlmsg_get_payload_offset(begin, sizeof(struct nfgenmsg));
	generation = htonl(generation);
	memcpy(mnl_attr_get_payload(attribute), &generation, sizeof(generation));
}

int nft_batch_make(struct nft_batch *batch, const struct delta *delta, const char *table,
                   uint32_t table_flags, uint32_t sequence)
{
	struct builder b = {.batch = batch, .table = table, .table_flags = table_flags};
	memset(batch, 0, sizeof(*batch));
	batch->first_sequence = sequence;
	int r = make_room(&b);
	if (r == 0)
		put_batch_begin(&b);
	for (size_t i = 0; r == 0 && i < delta->count; i++) {
		b.step = (uint32_t)i;
		r = put_step(&b, &delta->steps[i]);
	}
	if (r == 0)
		r = make_room(&b);
	if (r < 0) {
		nft_batch_free(batch);
		return r;
	}
	if (batch->messages > 0) {
		struct nlmsghdr *last = (void *)(batch->data + b.last);
		last->nlmsg_flags |= NLM_F_ACK;
	}
	struct nlmsghdr *end = put_header(batch, NFNL_MSG_BATCH_END, 0, batch->messages + 1);
	batch->used += end->nlmsg_len;
	return 0;
}

void nft_batch_free(struct nft_batch *batch)
{
	free(batch->data);
	free(batch->steps);
	memset(batch, 0, sizeof(*batch));
}

const char *nft_batch_describe(const struct nft_batch *batch, const struct delta *delta,
                               uint32_t sequence, char *buffer, size_t size)
{
	static const char *const texts[] = {
		[DELTA_DELETE_TABLE] = "delete the table",
		[DELTA_ADD_TABLE] = "add the table",
		[DELTA_ADD_SET] = "add set",
		[DELTA_ADD_CHAIN] = "add chain",
		[DELTA_FLUSH_CHAIN] = "flush chain",
		[DELTA_ADD_RULES] = "add a rule to chain",
		[DELTA_DELETE_ELEMENTS] = "delete elements from set",
		[DELTA_ADD_ELEMENTS] = "add elements to set",
		[DELTA_DELETE_SET] = "delete set",
		[DELTA_DELETE_CHAIN] = "delete chain",
	};
	uint32_t message = sequence - batch->first_sequence;
	if (message == 0 || message > batch->messages) {
		snprintf(buffer, size, "take the batch as a whole");
		return buffer;
	}
	const struct delta_step *step = &delta->steps[batch->steps[message]];
	const char *name = step->set ? step->set->name : step->chain ? step->chain->name : "";
	snprintf(buffer, size, "%s%s%s", texts[step->kind], name[0] ? " " : "", name);
	return buffer;
}
