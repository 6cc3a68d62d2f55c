/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_EXCHANGE_H
#define PODSG_DNS_EXCHANGE_H

/* One question from forwarder_ask() to its result, over as many tries as it takes. */

#include "dnscache/forward/forwarder.h"

/* Puts it into the queue of what is due. FORWARD_ANSWERED, or what went wrong: it is told that. */
void exchange_begin(struct forwarder *forwarder, const struct dns_question *question, bool tcp,
                    forward_done *done, void *context);
/* Sends what is due. Not inside a flight_done. */
void exchange_run_due(struct forwarder *forwarder);
/* Gives up tries that have had their time. Not inside a flight_done. */
void exchange_expire(struct forwarder *forwarder);
/* Tells all that they are cancelled. */
void exchange_cancel_all(struct forwarder *forwarder);
void exchange_refuse(forward_done *done, void *context, enum forward_outcome outcome);

#endif
