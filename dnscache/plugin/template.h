/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_TEMPLATE_H
#define PODSG_DNS_TEMPLATE_H

/* Corefile's `template`: answers made from the question by Go templates, of which template_text.h
 * says what is understood. */

#include "dnscache/corefile/settings.h"
#include "dnscache/wire/records.h"

/* For the Corefile's reader: whether a template's text is one we can make records of. -EINVAL: err
 * says which word is not supported. */
int template_check(const char *text, struct error *err);

/*
 * records: begun, without records. 1: answered in records (SERVFAIL where a template's zone has the
 * name, no pattern fits and nothing falls through); a CNAME among them may want
 * dns_chase_question(). 0: no template is for this question, or all fall through; -ENOMEM;
 * -EDOM: a template cannot be expanded for this name, -EBADMSG: what came out is no record, -ETIME:
 * a pattern took too long (SERVFAIL; err says which template and what). remote: the client's
 * address as text. zones: of the block, where a template names none.
 */
int template_answer(const struct template_settings *templates, size_t count,
                    const struct dns_name *zones, size_t zone_count,
                    const struct dns_question *question, const char *remote,
                    struct dns_records *records, struct error *err);

#endif
