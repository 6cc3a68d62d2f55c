/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/aws_get.h"
#include "common/backoff.h"
#include "common/ec2.h"
#include "nft-sync/check/check_live.h"
#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_groups.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/facts_nodes.h"

#define CLUSTER_NAME_MAX 100 /* by EKS's rule */
#define URL_MAX (EC2_ENDPOINT_MAX + CLUSTER_NAME_MAX + 16)
#define ENDPOINT_VARIABLE "AWS_ENDPOINT_URL_EKS"
#define DOCUMENT "eks/cluster"
#define COMMAND "describe-cluster"
#define NODES_MAX 100 /* whose interfaces are looked at for the cluster's name */
#define TRIES_MAX 3
#define PAUSE_FIRST 500 /* milliseconds */
#define PAUSE_LAST 2000

struct asking {
	const struct live_aws *aws;
	struct check_documents *documents;
	struct aws_credentials *credentials;
	char url[URL_MAX];
	struct error *err;
	int result; /* below 0: no memory */
	bool ready; /* the keys that were waited for are there, or not */
	struct error keys_failure;
	bool answered;
	struct aws_answer answer;
};

static const char *label_of(const struct node_facts *node)
{
	const char *name = node_label(node, "alpha.eksctl.io/cluster-name");
	return name[0] ? name : node_label(node, "eks.amazonaws.com/cluster-name");
}

/* What a group is tagged with, of facts that are not sorted yet. */
static const char *tag_of_group(const struct facts *facts, const char *id)
{
	size_t count;
	const struct group_facts *groups = facts_of(facts, FACT_GROUP, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(groups[i].fact.name, id) == 0)
			return cluster_of_tags(&groups[i].tags);
	return "";
}

static const char *tag_of_interface(const struct facts *facts,
                                    const struct interface_facts *interface)
{
	const char *name = cluster_of_tags(&interface->tags);
	for (size_t i = 0; i < interface->group_count && !name[0]; i++)
		name = tag_of_group(facts, interface->groups[i]);
	return name;
}

static const char *tag_of_instance(const struct facts *facts, const char *id)
{
	size_t count;
	const struct interface_facts *interfaces = facts_of(facts, FACT_INTERFACE, &count);
	const char *name = "";
	for (size_t i = 0; i < count && !name[0]; i++)
		if (id[0] && strcmp(interfaces[i].instance_id, id) == 0)
			name = tag_of_interface(facts, &interfaces[i]);
	return name;
}

/* "" = nobody says. */
static const char *find_cluster(const struct facts *facts)
{
	size_t count;
	const struct node_facts *nodes = facts_of(facts, FACT_NODE, &count);
	const char *name = facts->cluster;
	for (size_t i = 0; i < count && i < NODES_MAX && !name[0]; i++) {
		name = label_of(&nodes[i]);
		if (!name[0])
			name = tag_of_instance(facts, nodes[i].instance_id);
	}
	return name;
}

static bool is_cluster_name(const char *name)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t length = strlen(name);
	return length > 0 && length <= CLUSTER_NAME_MAX && strspn(name, plain) == length &&
	       name[0] != '-' && name[0] != '_';
}

/* As the AWS CLI does, whose variable it is. */
static int make_url(struct asking *asking, const char *name, struct error *err)
{
	const char *given = getenv(ENDPOINT_VARIABLE);
	char endpoint[EC2_ENDPOINT_MAX];
	if (given && strlen(given) >= sizeof(endpoint))
		return error_set(err, -EINVAL, ENDPOINT_VARIABLE ": longer than %d bytes",
		                 EC2_ENDPOINT_MAX - 1);
	if (given && given[0])
		(void)snprintf(endpoint, sizeof(endpoint), "%s", given);
	else
		aws_endpoint("eks", asking->aws->region, endpoint);
	size_t length = strlen(endpoint);
	bool slash = length > 0 && endpoint[length - 1] == '/';
	(void)snprintf(asking->url, sizeof(asking->url), "%s%sclusters/%s", endpoint,
	               slash ? "" : "/", name);
	return 0;
}

static void keys_ready(void *context, const struct error *failure)
{
	struct asking *asking = context;
	asking->ready = true;
	asking->keys_failure = failure ? *failure : (struct error){0};
}

static int find_keys(struct asking *asking, const struct aws_keys **ret, struct error *failure)
{
	int r = aws_credentials_find(asking->credentials, ret, failure);
	if (r != -EINPROGRESS)
		return r;
	asking->ready = false;
	while (!asking->ready)
		uv_run(asking->aws->loop, UV_RUN_ONCE);
	if (asking->keys_failure.code)
		return error_set(failure, asking->keys_failure.code, "%s",
		                 asking->keys_failure.text);
	return aws_credentials_find(asking->credentials, ret, failure);
}

static int put_cluster(struct asking *asking, const char *text, size_t length)
{
	struct check_documents *documents = asking->documents;
	size_t refused = documents->unread.count;
	struct error why = {0};
	int r = check_live_put(documents, DOCUMENT, DOCUMENT, text, length, asking->err);
	if (r < 0 || documents->facts->known[FACT_EKS] || documents->unread.count > refused)
		return r;
	error_set(&why, -EBADMSG, "%s: the answer holds no cluster", DOCUMENT);
	return check_documents_note(documents, DOCUMENT, false, &why, asking->err);
}

static void take_answer(void *context, const struct aws_answer *answer, const char *text,
                        size_t length)
{
	struct asking *asking = context;
	asking->answered = true;
	asking->answer = *answer;
	if (answer->outcome == AWS_OK)
		asking->result = put_cluster(asking, text, length);
}

static void ask_once(struct asking *asking)
{
	const struct aws_keys *keys = NULL;
	struct error failure = {0};
	asking->answered = false;
	int r = find_keys(asking, &keys, &failure);
	if (r == 0) {
		const struct aws_get get = {.url = asking->url,
		                            .region = asking->aws->region,
		                            .service = "eks",
		                            .action = "DescribeCluster",
		                            .keys = keys,
		                            .done = take_answer,
		                            .context = asking};
		r = aws_get_start(asking->aws->http, &get, &failure);
	}
	if (r < 0)
		asking->answer = (struct aws_answer){.outcome = AWS_REFUSED, .error = failure};
	while (r == 0 && !asking->answered)
		uv_run(asking->aws->loop, UV_RUN_ONCE);
}

/* Where nobody answers there may be no way, and a person waits. */
static bool is_worth_another(const struct aws_answer *answer)
{
	return answer->outcome == AWS_REJECTED || (answer->outcome == AWS_AGAIN && answer->code[0]);
}

/* With patience for a service that throttles, and other keys where it does not like these. */
static void ask(struct asking *asking)
{
	for (unsigned tries = 1;; tries++) {
		ask_once(asking);
		if (!is_worth_another(&asking->answer) || tries == TRIES_MAX)
			return;
		if (asking->answer.outcome == AWS_REJECTED)
			aws_credentials_reject(asking->credentials);
		else
			uv_sleep((unsigned)backoff_pause(tries, PAUSE_FIRST, PAUSE_LAST));
	}
}

/* It adds to what EC2 says, and a node need not have a way to it: facts are missing. */
static int note_refusal(struct asking *asking)
{
	const struct aws_answer *answer = &asking->answer;
	if (aws_is_denied(answer->code))
		return check_live_withhold(asking->documents, DOCUMENT, COMMAND,
		                           "permission eks:DescribeCluster (IAM)", &answer->error,
		                           asking->err);
	return check_documents_note(asking->documents, DOCUMENT, true, &answer->error, asking->err);
}

static int note_nameless(struct check_documents *documents, const char *name, struct error *err)
{
	struct error why = {0};
	if (name[0])
		error_set(&why, -EINVAL, "%s: \"%.100s\" is not the name of a cluster", DOCUMENT,
		          name);
	else
		error_set(&why, -ENOENT,
		          DOCUMENT ": no label of the nodes and no tag of their interfaces and "
		                   "groups says what the cluster is called: give --cluster");
	return check_live_withhold(documents, DOCUMENT, COMMAND,
	                           "the cluster's name: --cluster NAME", &why, err);
}

/* A file has it, or there is nothing to ask for. */
static bool is_settled(const struct facts *facts)
{
	return facts->told[FACT_EKS] || is_elsewhere(facts);
}

int check_live_eks(struct check_documents *documents, const struct live_aws *aws, struct error *err)
{
	struct asking asking = {.aws = aws, .documents = documents, .err = err};
	struct error refused = {0};
	if (is_settled(documents->facts))
		return 0;
	const char *name = find_cluster(documents->facts);
	if (!is_cluster_name(name))
		return note_nameless(documents, name, err);
	documents->facts->cluster = name;
	int r = make_url(&asking, name, &refused);
	if (r == 0)
		r = aws_credentials_open(aws->imds, keys_ready, &asking, &asking.credentials,
		                         &refused);
	if (r < 0)
		return check_documents_note(documents, DOCUMENT, true, &refused, err);
	ask(&asking);
	aws_credentials_close(asking.credentials);
	return asking.answer.outcome == AWS_OK ? asking.result : note_refusal(&asking);
}
