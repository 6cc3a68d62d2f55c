/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_STREAMS_H
#define PODSG_DNS_STREAMS_H

/* From now on writing to standard output or error makes nobody wait: what finds no room there is
 * lost. A log that nobody reads (journald stopped, a full disk behind it) must not take DNS away.
 */
void streams_open(void);

#endif
