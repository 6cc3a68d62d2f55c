/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whatever EC2 answers: pages in pieces of any size, whose items then make a document or not; and
 * the same text as a complaint. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/aws_query.h"
#include "common/document.h"
#include "common/ec2_xml.h"

#define OWNED (EC2_DELETE_GROUP - EC2_OWNED_GROUPS + 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(struct ec2_page *page, const char *text, size_t length, size_t piece)
{
	struct error failure = {0};
	int r = 0;
	for (size_t at = 0; at < length && r == 0; at += piece) {
		size_t left = length - at;
		r = ec2_page_feed(page, text + at, left < piece ? left : piece, &failure);
	}
	return r;
}

static void read_document(struct ec2_items *items)
{
	struct buffer text = {.max = DOCUMENT_SIZE_MAX};
	struct document *document = NULL;
	struct error failure = {0};
	ec2_items_sort(items);
	buffer_add_text(&text, "{\"SecurityGroups\":");
	ec2_items_write(items, &text);
	buffer_add_text(&text, "}");
	if (!text.failed &&
	    document_parse("ec2", DOCUMENT_JSON, text.text, text.length, &document, &failure) == 0)
		document_free(document);
	buffer_done(&text);
}

static void read_answer(enum ec2_kind kind, const char *text, size_t length, size_t piece)
{
	struct ec2_items *items;
	struct ec2_page *page;
	struct error failure = {0};
	const char *token;
	if (ec2_items_new(kind, &items, &failure) < 0)
		return;
	if (ec2_page_open(items, &page, &failure) == 0) {
		if (feed(page, text, length, piece) == 0 &&
		    ec2_page_finish(page, &token, &failure) == 0)
			read_document(items);
		ec2_page_close(page);
	}
	ec2_items_free(items);
}

/* The first byte says what was asked and in which pieces the answer comes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char code[AWS_CODE_MAX];
	char message[AWS_MESSAGE_MAX];
	if (size == 0)
		return 0;
	const char *text = (const char *)data + 1;
	enum ec2_kind kind = data[0] & 0x80 ? EC2_OWNED_GROUPS + data[0] % OWNED : data[0] % 3;
	read_answer(kind, text, size - 1, data[0] / 3 % 64 + 1);
	aws_complaint_parse(text, size - 1, code, message);
	return 0;
}
