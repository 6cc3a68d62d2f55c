/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_RECORDS_ORDER_H
#define PODSG_DNS_RECORDS_ORDER_H

#include "dnscache/wire/records.h"

/*
 * In which order to send records: by section; in a section RRsets as they first appear, each in one
 * piece with the RRSIGs that cover it at its end. *ret: indices of list, in records->arena.
 * -ENOMEM.
 */
int dns_records_order(const struct dns_records *records, uint16_t **ret);

#endif
