/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/ec2.h"
#include "nft-sync/check/check_live.h"

#define DOCUMENT_NAME_MAX 300 /* "ec2/prefix-lists/" and an id */
#define PREFIX_LISTS_MAX 500  /* each costs a question of its own */
#define OPENING_MAX 2048      /* with an id, escaped */

/* What is asked, and how the AWS CLI's answer begins. */
static const struct {
	enum ec2_kind kind;
	const char *opening;
	const char *document;
} questions[] = {
	{EC2_OWNED_GROUPS, "{\"SecurityGroups\":", "ec2/security-groups"},
	{EC2_OWNED_INTERFACES, "{\"NetworkInterfaces\":", "ec2/network-interfaces"},
	{EC2_SUBNETS, "{\"Subnets\":", "ec2/subnets"},
	{EC2_VPCS, "{\"Vpcs\":", "ec2/vpcs"},
	{EC2_ROUTE_TABLES, "{\"RouteTables\":", "ec2/route-tables"},
	{EC2_PREFIX_LISTS, "{\"PrefixLists\":", "ec2/prefix-lists"},
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

struct asking {
	uv_loop_t *loop;
	struct ec2 *ec2;
	struct check_documents *documents;
	bool away;
	bool answered;
	struct aws_answer answer;
};

static void take_answer(void *context, const struct aws_answer *answer)
{
	struct asking *asking = context;
	asking->answered = true;
	asking->answer = *answer;
}

/* started: what starting the call said. */
static int wait_for(struct asking *asking, int started, struct error *failure)
{
	if (started < 0)
		asking->answer = (struct aws_answer){.outcome = AWS_REFUSED, .error = *failure};
	asking->answered = started < 0;
	while (!asking->answered)
		uv_run(asking->loop, UV_RUN_ONCE);
	*failure = asking->answer.error;
	return asking->answer.outcome == AWS_OK ? 0 : -EIO;
}

/* EC2 refuses one action where IAM does not allow it; what is wrong with the way, the keys or EC2
 * itself is wrong with all of them. */
static int note_refusal(struct asking *asking, const char *document, const struct error *failure,
                        struct error *err)
{
	const char *code = asking->answer.code;
	bool lacking = strcmp(code, "UnauthorizedOperation") == 0 ||
	               strcmp(code, "InvalidAction") == 0 || strcmp(code, "AccessDenied") == 0;
	asking->away = !lacking;
	return check_documents_note(asking->documents, document, lacking, failure, err);
}

/* opening: the document up to the items. */
static int put_items(struct asking *asking, const char *document, const char *opening,
                     struct ec2_items *items, struct error *err)
{
	struct buffer text = {.max = DOCUMENT_SIZE_MAX};
	ec2_items_sort(items);
	buffer_add_text(&text, opening);
	ec2_items_write(items, &text);
	buffer_add_text(&text, "}");
	int r = text.failed ? error_set(err, -ENOMEM, "no memory")
	                    : check_documents_put(asking->documents, document, DOCUMENT_JSON,
	                                          text.text, text.length, err);
	buffer_done(&text);
	return r;
}

/* *ret NULL: it was refused, which is noted. */
static int ask_all(struct asking *asking, enum ec2_kind kind, const char *document,
                   struct ec2_items **ret, struct error *err)
{
	static const struct ec2_filter all[] = {{0}};
	struct ec2_describe *describe;
	struct ec2_items *items;
	struct error failure = {0};
	*ret = NULL;
	int r = ec2_items_new(kind, &items, err);
	if (r < 0)
		return r;
	r = ec2_list_start(asking->ec2, items, all, take_answer, asking, &describe, &failure);
	if (wait_for(asking, r, &failure) == 0) {
		*ret = items;
		return 0;
	}
	ec2_items_free(items);
	return note_refusal(asking, document, &failure, err);
}

static int put_entries(struct asking *asking, const char *document, const char *id,
                       struct ec2_items *items, struct error *err)
{
	struct buffer opening = {.max = OPENING_MAX};
	buffer_add_text(&opening, "{\"PrefixListId\":");
	buffer_add_json(&opening, id);
	buffer_add_text(&opening, ",\"Entries\":");
	int r = opening.failed ? error_set(err, -ENOMEM, "no memory")
	                       : put_items(asking, document, opening.text, items, err);
	buffer_done(&opening);
	return r;
}

static int ask_entries(struct asking *asking, const char *id, struct error *err)
{
	char document[DOCUMENT_NAME_MAX];
	struct ec2_describe *describe;
	struct ec2_items *items;
	struct error failure = {0};
	int r = ec2_items_new(EC2_WHOLE_ENTRIES, &items, err);
	if (r < 0)
		return r;
	(void)snprintf(document, sizeof(document), "ec2/prefix-lists/%s", id);
	r = ec2_describe_start(asking->ec2, items, EC2_BY_LIST, &id, 1, take_answer, asking,
	                       &describe, &failure);
	if (wait_for(asking, r, &failure) == 0)
		r = put_entries(asking, document, id, items, err);
	else if (asking->answer.outcome == AWS_NOT_FOUND)
		r = 0; /* deleted meanwhile */
	else
		r = note_refusal(asking, document, &failure, err);
	ec2_items_free(items);
	return r;
}

static int note_too_many(struct asking *asking, int count, struct error *err)
{
	struct error why = {0};
	error_set(&why, -EFBIG, "%d prefix lists: the entries of %d are read", count,
	          PREFIX_LISTS_MAX);
	return check_documents_note(asking->documents, "ec2/prefix-lists", true, &why, err);
}

/* The lists that EC2 has named, whose entries are to be asked for one by one. */
static int ask_prefix_lists(struct asking *asking, struct ec2_items *lists, struct error *err)
{
	struct buffer text = {.max = DOCUMENT_SIZE_MAX};
	int r = 0, count = 0;
	ec2_items_write(lists, &text);
	cJSON *tree = text.failed ? NULL : cJSON_ParseWithLength(text.text, text.length);
	const cJSON *list;
	buffer_done(&text);
	if (!tree)
		return error_set(err, -ENOMEM, "no memory");
	cJSON_ArrayForEach (list, tree) {
		const cJSON *id = cJSON_GetObjectItemCaseSensitive(list, "PrefixListId");
		if (r == 0 && !asking->away && cJSON_IsString(id) && count++ < PREFIX_LISTS_MAX)
			r = ask_entries(asking, id->valuestring, err);
	}
	cJSON_Delete(tree);
	return r == 0 && count > PREFIX_LISTS_MAX ? note_too_many(asking, count, err) : r;
}

static int ask(struct asking *asking, size_t i, struct error *err)
{
	struct ec2_items *items;
	int r = ask_all(asking, questions[i].kind, questions[i].document, &items, err);
	if (r == 0 && items)
		r = put_items(asking, questions[i].document, questions[i].opening, items, err);
	if (r == 0 && items && questions[i].kind == EC2_PREFIX_LISTS)
		r = ask_prefix_lists(asking, items, err);
	ec2_items_free(items);
	return r;
}

static int ask_each(struct asking *asking, struct error *err)
{
	int r = 0;
	for (size_t i = 0; i < QUESTIONS && r == 0 && !asking->away; i++)
		r = ask(asking, i, err);
	return r;
}

int check_live_ec2(struct check_documents *documents, uv_loop_t *loop, struct error *err)
{
	const struct config *config = documents->facts->config;
	struct asking asking = {.loop = loop, .documents = documents};
	struct http *http = NULL;
	struct imds *imds = NULL;
	struct error refused = {0};
	int r = http_open(loop, &http, &refused);
	if (r == 0)
		r = imds_open(http, &imds, &refused);
	if (r == 0)
		r = ec2_open(loop, http, imds, config->ec2.region, config->ec2.endpoint,
		             &asking.ec2, &refused);
	r = r < 0 ? check_documents_note(documents, "ec2", false, &refused, err)
	          : ask_each(&asking, err);
	ec2_close(asking.ec2);
	imds_close(imds);
	http_close(http);
	return r;
}
