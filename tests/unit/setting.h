/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_SETTING_H
#define PODSG_TESTS_SETTING_H

/* A node with documents, links and a resolution, for tests that read like a specification. */

#include "common/journal.h"
#include "nft-sync/host/host.h"
#include "nft-sync/model/model.h"
#include "nft-sync/resolve/resolve.h"

/* Items of a YAML list; each is one line of a document. */
#define POD(name, uid, more)                                                                       \
	"- {kind: Pod, apiVersion: v1, metadata: {namespace: ns, name: " name ", uid: " uid        \
	", labels: {app: " name "}" more "}}\n"
#define ON(node, ip) "}, spec: {nodeName: " node "}, status: {podIP: " ip ", podIPs: [{ip: " ip "}]"
#define CREATED(time) ", creationTimestamp: \"" time "\""
#define ENI(id, ip, vlan)                                                                          \
	", annotations: {vpc.amazonaws.com/pod-eni: '[{\"eniId\":\"" id                            \
	"\",\"ifAddress\":\"02:00:00:00:00:01\",\"privateIp\":\"" ip "\",\"vlanId\":" vlan "}]'}"
#define POLICY(name, selector, groups)                                                             \
	"- {kind: SecurityGroupPolicy, apiVersion: vpcresources.k8s.aws/v1beta1, metadata: "       \
	"{namespace: ns, name: " name "}, spec: {" selector                                        \
	", securityGroups: {groupIds: [" groups "]}}}\n"
#define ACCOUNT(name, labels)                                                                      \
	"- {kind: ServiceAccount, apiVersion: v1, metadata: {namespace: ns, name: " name           \
	", labels: {" labels "}}}\n"
#define KUBERNETES(items) "kind: List\napiVersion: v1\nitems:\n" items
#define GROUP(id, rules)                                                                           \
	"- {GroupId: " id ", GroupName: " id ", IpPermissions: [" rules                            \
	"], IpPermissionsEgress: []}\n"
#define GROUPS(items) "SecurityGroups:\n" items
#define FROM_GROUP(id) "{IpProtocol: '-1', UserIdGroupPairs: [{GroupId: " id "}]}"
#define INTERFACE(id, groups, ip)                                                                  \
	"- {NetworkInterfaceId: " id ", Groups: [" groups                                          \
	"], PrivateIpAddresses: [{PrivateIpAddress: " ip "}]}\n"
#define IN(id) "{GroupId: " id "}"
#define INTERFACES(items) "NetworkInterfaces:\n" items

struct setting {
	struct model *model;
	struct config *config;
	struct host host;
	struct resolution *resolution;
};

void setting_open(struct setting *setting, const char *config);
void setting_close(struct setting *setting);
void setting_configure(struct setting *setting, const char *config);
void setting_put(struct setting *setting, const char *name, const char *yaml);
void setting_attach(struct setting *setting, const struct attachment *attachment);
void setting_remove(struct setting *setting, const char *name);
void setting_links(struct setting *setting, const char *names); /* NAME[:FIRST_NAME] NAME… */
void setting_resolve(struct setting *setting); /* the former resolution is `previous` */

/* By "namespace/name"; NULL if there is none. */
const struct branch *setting_branch(const struct setting *setting, const char *pod);
const char *setting_groups(const struct branch *branch); /* with blanks between; static */
const char *setting_members(const struct setting *setting, const char *group); /* the same */
bool setting_says(const struct setting *setting, const char *part); /* some problem has it */

struct prefix prefix_of(const char *text);

#endif
