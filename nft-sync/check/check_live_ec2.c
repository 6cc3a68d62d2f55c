/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/ec2.h"
#include "common/xml.h"
#include "nft-sync/check/check_live.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_withheld.h"
#include "nft-sync/check/instance_types.h"

#define DOCUMENT_NAME_MAX 300               /* "ec2/prefix-lists/" and an id */
#define PREFIX_LISTS_MAX 500                /* each costs a question of its own */
#define OPENING_MAX (64 + 6 * XML_TEXT_MAX) /* with an id, escaped */
#define NEEDS_SIZE 128

/* A question of which all are to be had; how the AWS CLI's answer begins. */
struct question {
	enum ec2_kind kind;
	const char *opening;
	const char *document;
	const char *command;  /* as the AWS CLI calls it */
	enum ec2_question by; /* of those that are asked for by their ids */
};

#define ALL(of, list, name, cli)                                                                   \
	{                                                                                          \
		.kind = (of), .opening = "{\"" list "\":", .document = "ec2/" name,                \
		.command = (cli)                                                                   \
	}
static const struct question questions[] = {
	ALL(EC2_OWNED_GROUPS, "SecurityGroups", "security-groups", "describe-security-groups"),
	ALL(EC2_OWNED_INTERFACES, "NetworkInterfaces", "network-interfaces",
            "describe-network-interfaces"),
	ALL(EC2_SUBNETS, "Subnets", "subnets", "describe-subnets"),
	ALL(EC2_VPCS, "Vpcs", "vpcs", "describe-vpcs"),
	ALL(EC2_ROUTE_TABLES, "RouteTables", "route-tables", "describe-route-tables"),
	ALL(EC2_PREFIX_LISTS, "PrefixLists", "prefix-lists", "describe-managed-prefix-lists"),
	ALL(EC2_OWNED_GROUP_VPCS, "SecurityGroupVpcAssociations", "security-group-vpc-associations",
            "describe-security-group-vpc-associations"),
};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static const struct question entries_question = {EC2_WHOLE_ENTRIES, "", "ec2/prefix-lists",
                                                 "get-managed-prefix-list-entries", EC2_BY_LIST};
static const struct question types_question = {EC2_INSTANCE_TYPES,
                                               "{\"InstanceTypes\":", "ec2/instance-types",
                                               "describe-instance-types", EC2_BY_TYPE};
static const struct question attribute_questions[] = {
	{EC2_VPC_DNS_SUPPORT, "", "ec2/vpc-attributes/dns-support", "describe-vpc-attribute",
         EC2_BY_VPC},
	{EC2_VPC_DNS_HOSTNAMES, "", "ec2/vpc-attributes/dns-hostnames", "describe-vpc-attribute",
         EC2_BY_VPC},
};

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

static int withhold(struct asking *asking, const struct question *question, const char *document,
                    const struct error *failure, struct error *err)
{
	char needs[NEEDS_SIZE];
	(void)snprintf(needs, sizeof(needs), "permission ec2:%s (IAM)", ec2_action(question->kind));
	return check_live_withhold(asking->documents, document, question->command, needs, failure,
	                           err);
}

/* EC2 refuses one action where IAM does not allow it, and some where it does not know it yet; what
 * is wrong with the way, the keys or EC2 itself is wrong with all of them. */
static int note_refusal(struct asking *asking, const struct question *question,
                        const char *document, const struct error *failure, struct error *err)
{
	const char *code = asking->answer.code;
	if (aws_is_denied(code))
		return withhold(asking, question, document, failure, err);
	bool unknown = strcmp(code, "InvalidAction") == 0;
	asking->away = !unknown;
	return check_documents_note(asking->documents, document, unknown, failure, err);
}

/* opening: the document up to the items; "": its only item is all of it. */
static int put_items(struct asking *asking, const char *document, const char *opening,
                     struct ec2_items *items, struct error *err)
{
	struct buffer text = {.max = DOCUMENT_SIZE_MAX};
	size_t bracket = opening[0] ? 0 : 1;
	ec2_items_sort(items);
	buffer_add_text(&text, opening);
	ec2_items_write(items, &text);
	if (opening[0])
		buffer_add_text(&text, "}");
	int r = text.failed ? error_set(err, -ENOMEM, "no memory")
	                    : check_live_put(asking->documents, document, document,
	                                     text.text + bracket, text.length - 2 * bracket, err);
	buffer_done(&text);
	return r;
}

static const struct ec2_filter all[] = {{0}};

/* By ids, or all. *ret NULL: there is nothing of these names, or it was refused, which is noted. */
static int fetch(struct asking *asking, const struct question *question, const char *document,
                 const char *const *ids, size_t id_count, struct ec2_items **ret, struct error *err)
{
	struct ec2_describe *describe;
	struct ec2_items *items;
	struct error failure = {0};
	*ret = NULL;
	int r = ec2_items_new(question->kind, &items, err);
	if (r < 0)
		return r;
	r = ids ? ec2_describe_start(asking->ec2, items, question->by, ids, id_count, take_answer,
	                             asking, &describe, &failure)
	        : ec2_list_start(asking->ec2, items, all, take_answer, asking, &describe, &failure);
	if (wait_for(asking, r, &failure) == 0) {
		*ret = items;
		return 0;
	}
	ec2_items_free(items);
	return asking->answer.outcome == AWS_NOT_FOUND
	               ? 0
	               : note_refusal(asking, question, document, &failure, err);
}

static int ask_of(struct asking *asking, const struct question *question, const char *const *ids,
                  size_t id_count, struct error *err)
{
	struct ec2_items *items;
	int r = fetch(asking, question, question->document, ids, id_count, &items, err);
	if (r == 0 && items)
		r = put_items(asking, question->document, question->opening, items, err);
	ec2_items_free(items);
	return r;
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
	struct ec2_items *items;
	(void)snprintf(document, sizeof(document), "ec2/prefix-lists/%s", id);
	int r = fetch(asking, &entries_question, document, &id, 1, &items, err);
	if (r == 0 && items)
		r = put_entries(asking, document, id, items, err);
	ec2_items_free(items);
	return r;
}

/* Which is worth asking for: who may not read one list's entries may read none's. */
static bool may_have_entries(const struct asking *asking)
{
	return !asking->away && !facts_withheld(asking->documents->facts, entries_question.command);
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
		if (r == 0 && may_have_entries(asking) && cJSON_IsString(id) &&
		    count++ < PREFIX_LISTS_MAX)
			r = ask_entries(asking, id->valuestring, err);
	}
	cJSON_Delete(tree);
	return r == 0 && count > PREFIX_LISTS_MAX ? note_too_many(asking, count, err) : r;
}

static int ask(struct asking *asking, const struct question *question, struct error *err)
{
	struct ec2_items *items;
	int r = fetch(asking, question, question->document, NULL, 0, &items, err);
	if (r == 0 && items)
		r = put_items(asking, question->document, question->opening, items, err);
	if (r == 0 && items && question->kind == EC2_PREFIX_LISTS)
		r = ask_prefix_lists(asking, items, err);
	ec2_items_free(items);
	return r;
}

static bool is_among(const char *const *types, size_t count, const char *type)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* Of which our own table does not know the limits, each once. */
static size_t find_types(const struct facts *facts, const char *types[static EC2_IDS_MAX])
{
	size_t node_count, count = 0;
	const struct node_facts *nodes = facts_of(facts, FACT_NODE, &node_count);
	for (size_t i = 0; i < node_count && count < EC2_IDS_MAX; i++) {
		struct instance_limits limits = {0};
		const char *type = nodes[i].instance_type;
		if (type[0] && is_vpc_cni_node(&nodes[i]) && !branch_limits_find(type, &limits) &&
		    !is_among(types, count, type))
			types[count++] = type;
	}
	return count;
}

static int ask_types(struct asking *asking, struct error *err)
{
	const char *types[EC2_IDS_MAX];
	size_t count = find_types(asking->documents->facts, types);
	return count > 0 ? ask_of(asking, &types_question, types, count, err) : 0;
}

/* Whose endpoint is private is found by its VPC's DNS. */
static int ask_attributes(struct asking *asking, struct error *err)
{
	size_t count;
	const struct eks_facts *cluster = facts_of(asking->documents->facts, FACT_EKS, &count);
	int r = 0;
	for (size_t i = 0; i < 2 && r == 0 && !asking->away; i++)
		if (count > 0 && cluster->private_access && cluster->vpc[0])
			r = ask_of(asking, &attribute_questions[i], &cluster->vpc, 1, err);
	return r;
}

static int ask_eks(struct asking *asking, struct http *http, struct imds *imds, struct error *err)
{
	const struct live_aws aws = {asking->loop, http, imds, ec2_region(asking->ec2)};
	return check_live_eks(asking->documents, &aws, err);
}

static int ask_each(struct asking *asking, struct http *http, struct imds *imds, struct error *err)
{
	int r = 0;
	for (size_t i = 0; i < QUESTIONS && r == 0 && !asking->away; i++)
		r = ask(asking, &questions[i], err);
	if (r == 0 && !asking->away)
		r = ask_types(asking, err);
	if (r == 0 && !asking->away)
		r = ask_eks(asking, http, imds, err);
	return r < 0 || asking->away ? r : ask_attributes(asking, err);
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
	          : ask_each(&asking, http, imds, err);
	ec2_close(asking.ec2);
	imds_close(imds);
	http_close(http);
	return r;
}
