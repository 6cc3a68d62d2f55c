/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DROP_LOG_H
#define PODSG_DROP_LOG_H

/* Listens to the nfnetlink_log group of this network namespace that our drop chains log to. While
 * nobody does, the kernel copies nothing. */

#include "common/error.h"
#include "nft-sync/kernel/drop_message.h"

struct drop_log;

/* -EBUSY: another process listens to the group, of which the kernel lets one at a time. */
int drop_log_open(uint16_t group, struct drop_log **ret, struct error *err);
void drop_log_close(struct drop_log *log); /* accepts NULL; the group is free at once */
int drop_log_fd(const struct drop_log *log);

/* Gives visit what has come, without blocking and at most some dozens; the rest next time. */
void drop_log_read(struct drop_log *log,
                   void (*visit)(const struct drop_record *record, void *context), void *context);

/* Messages that the kernel could not deliver because nobody read them in time. */
uint64_t drop_log_lost(const struct drop_log *log);

#endif
