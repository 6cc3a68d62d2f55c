/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_HOSTS_H
#define PODSG_DNS_HOSTS_H

/* Corefile's `hosts`: addresses of names, and names of addresses, from lines in the Corefile and
 * from a file. Read-only once loaded; a changed file is loaded anew beside it. */

#include "dnscache/corefile/settings.h"
#include "dnscache/wire/records.h"

#include <time.h>

#define HOSTS_FILE_MAX (64u << 20) /* bytes; entries: HOSTS_ENTRIES_MAX */
#define HOSTS_ANSWERS_MAX 256      /* records of one answer; what is more is left out */

struct hosts;

/* A line that is not understood is left out, as everywhere; an unreadable file that is named is an
 * error, and so is one that is too large. zones: of the block, where settings have no origins.
 * settings and zones must outlive it. */
int hosts_load(const struct hosts_settings *settings, const struct dns_name *zones,
               size_t zone_count, struct hosts **ret, struct error *err);
void hosts_free(struct hosts *hosts); /* accepts NULL */
/* Whether the file is another one now; one that is gone is not: what it said goes on. */
bool hosts_changed(const struct hosts *hosts);
/* For the metrics, as CoreDNS has them: every address of a name and every name of an address is
 * one; the time is that of the file's last change, 0 without a file. */
size_t hosts_entry_count(const struct hosts *hosts);
time_t hosts_loaded_at(const struct hosts *hosts);

/* records: begun, without records. Returns 1: answered (data, no data, or, as CoreDNS has it for
 * want of an SOA, SERVFAIL for a name that is not there); 0: not ours, or falls through; -ENOMEM.
 */
int hosts_answer(const struct hosts *hosts, const struct dns_question *question,
                 struct dns_records *records);

#endif
