/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/ec2_grammar.h"
#include "common/vector.h"
#include "common/xml.h"

#define FRAMES_MAX 8
#define NUMBER_LENGTH_MAX 10

/* Offsets into json and ids. */
struct ec2_item {
	size_t begin;
	size_t length;
	size_t id;
};

struct ec2_items {
	enum ec2_kind kind;
	struct buffer json;
	struct buffer ids; /* each with its NUL */
	struct vector items;
};

/* An element that is open: an object, or a list of them. */
struct frame {
	const struct ec2_member *members; /* object */
	const struct ec2_member *list;    /* list */
	bool any;                         /* something was written in it: a comma is next */
};

struct ec2_page {
	struct ec2_items *items;
	struct xml *xml;
	struct frame frames[FRAMES_MAX];
	unsigned depth;
	const struct ec2_member *leaf; /* that is open, inside the innermost frame */
	unsigned skipped;              /* open elements that nobody reads */
	bool listed;                   /* the list of items was there, or what is there instead */
	struct ec2_item item;          /* being read */
	char token[XML_TEXT_MAX + 1];
};

#define ROOT_DEPTH 1
#define LIST_DEPTH 2
#define ITEM_DEPTH 3

static struct frame *innermost(struct ec2_page *page)
{
	return &page->frames[page->depth - 1];
}

static void push(struct ec2_page *page, const struct frame *frame)
{
	page->frames[page->depth++] = *frame;
}

static void comma(struct ec2_page *page)
{
	if (innermost(page)->any)
		buffer_add_text(&page->items->json, ",");
	innermost(page)->any = true;
}

static void write_key(struct ec2_page *page, const struct ec2_member *member)
{
	comma(page);
	buffer_add_json(&page->items->json, member->json);
	buffer_add_text(&page->items->json, ":");
}

static const struct ec2_member *find_member(const struct ec2_member *members, const char *name)
{
	for (; members->xml; members++) {
		if (strcmp(members->xml, name) == 0)
			return members;
	}
	return NULL;
}

static void begin_item(struct ec2_page *page)
{
	const struct ec2_member *members = innermost(page)->list->item;
	if (page->depth == LIST_DEPTH)
		page->item = (struct ec2_item){.begin = page->items->json.length,
		                               .id = page->items->ids.length};
	else
		comma(page);
	if (members->shape != EC2_BARE)
		buffer_add_text(&page->items->json, "{");
	push(page, &(struct frame){.members = members});
}

static void begin_list(struct ec2_page *page, const struct ec2_member *member)
{
	if (page->depth == ROOT_DEPTH) {
		page->listed = true;
	} else {
		write_key(page, member);
		buffer_add_text(&page->items->json, "[");
	}
	push(page, &(struct frame){.list = member});
}

static int begin_root(struct ec2_page *page, const char *name, struct error *err)
{
	const struct ec2_grammar *kind = &ec2_grammars[page->items->kind];
	if (strcmp(name, kind->root) != 0)
		return error_set(err, -EBADMSG, "expected <%s>, not <%.64s>", kind->root, name);
	push(page, &(struct frame){.members = kind->members});
	if (kind->members[0].shape == EC2_WHOLE) {
		begin_list(page, &kind->members[0]);
		begin_item(page);
	}
	return 0;
}

static void begin_object(struct ec2_page *page, const struct ec2_member *member)
{
	write_key(page, member);
	buffer_add_text(&page->items->json, "{");
	push(page, &(struct frame){.members = member->item});
}

static int start_element(void *context, const char *name, struct error *err)
{
	struct ec2_page *page = context;
	if (page->depth == 0)
		return begin_root(page, name, err);
	if (page->skipped || page->leaf) {
		page->skipped++;
		return 0;
	}
	const struct frame *frame = innermost(page);
	if (frame->list && strcmp(name, "item") == 0) {
		begin_item(page);
		return 0;
	}
	const struct ec2_member *member = frame->list ? NULL : find_member(frame->members, name);
	if (!member)
		page->skipped++;
	else if (member->shape == EC2_LIST)
		begin_list(page, member);
	else if (member->shape == EC2_OBJECT)
		begin_object(page, member);
	else
		page->leaf = member;
	return 0;
}

static int write_number(struct ec2_page *page, const char *text, struct error *err)
{
	const char *digits = text + (text[0] == '-');
	size_t length = strspn(digits, "0123456789");
	if (length == 0 || length > NUMBER_LENGTH_MAX || digits[length] ||
	    (length > 1 && digits[0] == '0'))
		return error_set(err, -EBADMSG, "expected a whole number in <%s>", page->leaf->xml);
	buffer_add_text(&page->items->json, text);
	return 0;
}

static int write_flag(struct ec2_page *page, const char *text, struct error *err)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return error_set(err, -EBADMSG, "expected true or false in <%s>", page->leaf->xml);
	buffer_add_text(&page->items->json, text);
	return 0;
}

/* Parts of one id, with a blank between them. */
static void add_id(struct ec2_page *page, const char *text)
{
	struct buffer *ids = &page->items->ids;
	if (ids->length > page->item.id) {
		buffer_cut(ids, ids->length - 1);
		buffer_add_text(ids, " ");
	}
	buffer_add(ids, text, strlen(text) + 1);
}

static int end_leaf(struct ec2_page *page, const char *text, struct error *err)
{
	const struct ec2_member *leaf = page->leaf;
	if (!text)
		return error_set(err, -EFBIG, "too much text in <%s>", leaf->xml);
	if (leaf->id)
		add_id(page, text);
	if (leaf->shape == EC2_TOKEN) {
		memcpy(page->token, text, strlen(text) + 1);
		return 0;
	}
	if (leaf->shape == EC2_DONE) {
		page->listed = strcmp(text, "true") == 0;
		return 0;
	}
	if (leaf->shape != EC2_BARE)
		write_key(page, leaf);
	if (leaf->shape == EC2_NUMBER)
		return write_number(page, text, err);
	if (leaf->shape == EC2_FLAG)
		return write_flag(page, text, err);
	buffer_add_json(&page->items->json, text);
	return 0;
}

/* One without an id has the empty one; what it lacks is found where its JSON is read. */
static int end_item(struct ec2_page *page, struct error *err)
{
	struct ec2_items *items = page->items;
	if (items->ids.length == page->item.id)
		buffer_add(&items->ids, "", 1);
	page->item.length = items->json.length - page->item.begin;
	if (page->item.length == 0)
		return error_set(err, -EBADMSG, "an item is empty");
	struct ec2_item *item = vector_push(&items->items);
	if (!item || items->json.failed || items->ids.failed)
		return error_set(err, -EFBIG, "out of memory, or more than %u MiB of items",
		                 EC2_ITEMS_SIZE_MAX >> 20);
	*item = page->item;
	return 0;
}

static int end_frame(struct ec2_page *page, struct error *err)
{
	const struct frame *frame = innermost(page);
	if (page->depth > LIST_DEPTH) {
		if (frame->list)
			buffer_add_text(&page->items->json, "]");
		else if (frame->members->shape != EC2_BARE)
			buffer_add_text(&page->items->json, "}");
	}
	page->depth--;
	return page->depth == ITEM_DEPTH - 1 ? end_item(page, err) : 0;
}

/* The only item ends with the answer. */
static bool is_whole(const struct ec2_page *page)
{
	return page->depth == ITEM_DEPTH &&
	       ec2_grammars[page->items->kind].members[0].shape == EC2_WHOLE;
}

static int end_whole(struct ec2_page *page, struct error *err)
{
	int r = end_frame(page, err);
	page->depth = 0;
	return r;
}

static int end_element(void *context, const char *name, const char *text, struct error *err)
{
	struct ec2_page *page = context;
	(void)name;
	if (page->skipped) {
		page->skipped--;
		return 0;
	}
	if (!page->leaf)
		return is_whole(page) ? end_whole(page, err) : end_frame(page, err);
	int r = end_leaf(page, text, err);
	page->leaf = NULL;
	return r;
}

const char *ec2_action(enum ec2_kind kind)
{
	return ec2_grammars[kind].action;
}

const char *ec2_attribute(enum ec2_kind kind)
{
	return ec2_grammars[kind].attribute;
}

int ec2_items_new(enum ec2_kind kind, struct ec2_items **ret, struct error *err)
{
	struct ec2_items *items = calloc(1, sizeof(*items));
	if (!items)
		return error_set(err, -ENOMEM, "out of memory");
	*items = (struct ec2_items){.kind = kind,
	                            .json.max = EC2_ITEMS_SIZE_MAX,
	                            .ids.max = EC2_ITEMS_SIZE_MAX,
	                            .items.item_size = sizeof(struct ec2_item)};
	*ret = items;
	return 0;
}

void ec2_items_free(struct ec2_items *items)
{
	if (!items)
		return;
	buffer_done(&items->json);
	buffer_done(&items->ids);
	vector_done(&items->items);
	free(items);
}

enum ec2_kind ec2_items_kind(const struct ec2_items *items)
{
	return items->kind;
}

static int compare_items(const void *left, const void *right, void *context)
{
	const struct ec2_item *a = left;
	const struct ec2_item *b = right;
	const struct ec2_items *items = context;
	int order = strcmp(items->ids.text + a->id, items->ids.text + b->id);
	if (order == 0)
		order = (a->begin > b->begin) - (a->begin < b->begin);
	return order;
}

void ec2_items_sort(struct ec2_items *items)
{
	struct ec2_item *list = items->items.items;
	size_t kept = 0;
	if (items->items.count == 0)
		return;
	qsort_r(list, items->items.count, sizeof(*list), compare_items, items);
	for (size_t i = 0; i < items->items.count; i++) {
		if (kept > 0 &&
		    strcmp(items->ids.text + list[kept - 1].id, items->ids.text + list[i].id) == 0)
			kept--;
		list[kept++] = list[i];
	}
	items->items.count = kept;
}

bool ec2_items_has(const struct ec2_items *items, const char *id)
{
	const struct ec2_item *list = items->items.items;
	size_t low = 0;
	size_t high = items->items.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(items->ids.text + list[middle].id, id);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

void ec2_items_write(const struct ec2_items *items, struct buffer *buffer)
{
	const struct ec2_item *list = items->items.items;
	buffer_add_text(buffer, "[");
	for (size_t i = 0; i < items->items.count; i++) {
		buffer_add_text(buffer, i > 0 ? ",\n" : "\n");
		buffer_add(buffer, items->json.text + list[i].begin, list[i].length);
	}
	buffer_add_text(buffer, "]");
}

int ec2_page_open(struct ec2_items *items, struct ec2_page **ret, struct error *err)
{
	struct ec2_page *page = calloc(1, sizeof(*page));
	if (!page)
		return error_set(err, -ENOMEM, "out of memory");
	page->items = items;
	const struct xml_handler handler = {
		.start = start_element, .end = end_element, .context = page};
	int r = xml_open(ec2_grammars[items->kind].action, &handler, &page->xml, err);
	if (r < 0) {
		free(page);
		return r;
	}
	*ret = page;
	return 0;
}

int ec2_page_feed(struct ec2_page *page, const char *data, size_t length, struct error *err)
{
	return xml_feed(page->xml, data, length, err);
}

int ec2_page_finish(struct ec2_page *page, const char **token, struct error *err)
{
	const struct ec2_grammar *kind = &ec2_grammars[page->items->kind];
	int r = xml_finish(page->xml, err);
	if (r < 0)
		return r;
	if (!page->listed)
		return error_set(err, -EBADMSG, "%s: the answer has no <%s>%s", kind->action,
		                 kind->members[0].xml,
		                 kind->members[0].shape == EC2_DONE ? "true" : "");
	*token = page->token;
	return 0;
}

void ec2_page_close(struct ec2_page *page)
{
	if (!page)
		return;
	xml_close(page->xml);
	free(page);
}
