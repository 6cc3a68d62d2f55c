/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RULE_COMMANDS_H
#define PODSG_RULE_COMMANDS_H

/* Fixes that are commands of the AWS CLI which add a rule to a group, or take one away. */

#include "nft-sync/check/admission.h"
#include "nft-sync/check/check.h"

/*
 * What --ip-permissions takes:
 * "IpProtocol=tcp,FromPort=53,ToPort=53,IpRanges=[{CidrIp=10.0.0.0/8}]". owner: the account of the
 * group that the rule refers to; "": the own one.
 */
#define PERMISSION_TEXT_MAX 512
const char *permission_text(const struct sg_rule *rule, const char *owner,
                            char buffer[static PERMISSION_TEXT_MAX]);

/* finding may be NULL. remark: what stands behind the command, "" = nothing. */
void fix_by_revoking(struct check_run *run, struct finding *finding, const char *group,
                     enum direction direction, const struct sg_rule *rule, const char *owner);
void fix_by_authorizing(struct check_run *run, struct finding *finding, const char *group,
                        enum direction direction, const struct sg_rule *rule, const char *remark);

/* The command that adds a rule to the first of the question's groups, for the first of the peer's,
 * else for its address; "" where it knows neither. */
#define ADMIT_TEXT_MAX 1024
const char *admit_text(const struct admission_question *question,
                       char buffer[static ADMIT_TEXT_MAX]);
void fix_by_admitting(struct check_run *run, struct finding *finding,
                      const struct admission_question *question);

#endif
