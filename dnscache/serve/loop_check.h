/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_LOOP_CHECK_H
#define PODSG_DNS_LOOP_CHECK_H

/* Corefile's `loop`: now and then a question that nobody else asks goes to a zone's upstreams; when
 * it comes back here, the zone's questions are not forwarded until it doesn't any more. */

struct worker;

#define LOOP_CHECK_FIRST 1000   /* milliseconds after a plan has come */
#define LOOP_CHECK_PERIOD 30000 /* and then */
/* While there is a loop; longer than the servers in it keep our SERVFAIL, behind which it would
 * hide. */
#define LOOP_CHECK_LOOPING 10000

/* Of one worker, at every tick. */
void loop_check_tick(struct worker *worker);

#endif
