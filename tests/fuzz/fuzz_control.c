/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A request of the control socket, on a node with two pods: explain, services and ends, and what a
 * watcher of drops asks for. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/answer/commands.h"
#include "nft-sync/answer/drop_filter.h"
#include "nft-sync/resolve/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char configuration[] = "version: 1\nnode: {name: n, securityGroups: [sg-2]}\n";

#define POD(name, address4, address6)                                                              \
	"---\napiVersion: v1\nkind: Pod\nmetadata: {namespace: ns, name: " name ", uid: u" name    \
	"}\nspec: {nodeName: n}\nstatus: {phase: Running, podIPs: [{ip: " address4                 \
	"}, {ip: '" address6 "'}]}\n"

static const char documents[] =
	"SecurityGroups:\n"
	"- {GroupId: sg-1, GroupName: web, IpPermissionsEgress: [{IpProtocol: '-1', IpRanges:\n"
	"  [{CidrIp: 10.0.0.0/8}]}], IpPermissions: [{IpProtocol: tcp, FromPort: 80, ToPort: 90,\n"
	"  UserIdGroupPairs: [{GroupId: sg-1}], Ipv6Ranges: [{CidrIpv6: '2001:db8::/32'}]}]}\n"
	"- {GroupId: sg-2, GroupName: node, IpPermissions: [{IpProtocol: icmp, FromPort: 8,\n"
	"  ToPort: -1, PrefixListIds: [{PrefixListId: pl-1}]}], IpPermissionsEgress: []}\n"
	"---\napiVersion: vpcresources.k8s.aws/v1beta1\nkind: SecurityGroupPolicy\n"
	"metadata: {namespace: ns, name: p}\n"
	"spec: {podSelector: {}, securityGroups: {groupIds: [sg-1]}}\n" POD(
		"a", "10.0.0.5", "2001:db8::5") POD("b", "10.0.0.6", "2001:db8::6");

static void set_up(struct sync *sync)
{
	struct config *config;
	struct document *document;
	sync->model = model_new();
	if (!sync->model ||
	    config_parse("fuzz", configuration, sizeof(configuration) - 1, &config, NULL) < 0 ||
	    document_parse("fuzz", DOCUMENT_YAML, documents, sizeof(documents) - 1, &document,
	                   NULL) < 0 ||
	    model_put(sync->model, document, NULL) < 0 ||
	    resolve(sync->model, config, &sync->host, NULL, &sync->resolution, NULL) < 0 ||
	    sync->resolution->branch_count != 2)
		abort();
	sync->config = config;
}

static bool is_answered_by_node(const cJSON *request)
{
	const char *command =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "command"));
	return command && (strcmp(command, "explain") == 0 || strcmp(command, "services") == 0 ||
	                   strcmp(command, "ends") == 0);
}

/* Done, or a sentence that says why not. */
static void answer(struct sync *sync, const cJSON *request)
{
	cJSON *found = command_answer(sync, request);
	const char *why = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(found, "error"));
	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(found, "ok")) && !(why && why[0]))
		abort();
	cJSON_Delete(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sync sync;
	struct drop_filter filter;
	struct error err = {0};
	if (!sync.config)
		set_up(&sync);
	cJSON *request = cJSON_ParseWithLength((const char *)data, size);
	if (is_answered_by_node(request))
		answer(&sync, request);
	if (request && drop_filter_read(request, &filter, &err) < 0 && err.text[0] == '\0')
		abort();
	cJSON_Delete(request);
	return 0;
}
