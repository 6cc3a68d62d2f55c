/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TEST_COREFILE_TEXT_H
#define PODSG_TEST_COREFILE_TEXT_H

#include "dnscache/corefile/corefile.h"

/* Of a node whose DNS servers are 10.96.0.10 and 10.96.0.11. */
extern const struct corefile_values corefile_text_values;

/* Fails the test where the Corefile is refused. Files beside it are those of /etc. */
struct corefile *corefile_text_read(const char *text);
struct corefile *corefile_text_read_with(const char *text, const struct corefile_values *values);
/* The only block of ".:53 { BODY }". */
const struct server_block *corefile_text_block(const char *body, struct corefile **ret);
/* That it is refused with that message, as file "Corefile". */
void corefile_text_refused(const char *text, const char *message);

/* A dns_name as text, in one of a few buffers that take turns. */
const char *corefile_text_name(const struct dns_name *name);

#endif
