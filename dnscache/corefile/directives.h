/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DIRECTIVES_H
#define PODSG_DIRECTIVES_H

/* The reader of each directive. The number of its words has been checked against the table in
 * directives.c. */

#include "dnscache/corefile/corefile_reader.h"

#define DIRECTIVE(name)                                                                            \
	void name(struct corefile_reader *reader, const struct corefile_directive *directive,      \
	          struct server_block *block)
DIRECTIVE(directive_bind);
DIRECTIVE(directive_bufsize);
DIRECTIVE(directive_cache);
DIRECTIVE(directive_debug);
DIRECTIVE(directive_dns64);
DIRECTIVE(directive_errors);
DIRECTIVE(directive_forward);
DIRECTIVE(directive_health);
DIRECTIVE(directive_hosts);
DIRECTIVE(directive_loadbalance);
DIRECTIVE(directive_log);
DIRECTIVE(directive_loop);
DIRECTIVE(directive_prometheus);
DIRECTIVE(directive_ready);
DIRECTIVE(directive_reload);
DIRECTIVE(directive_rewrite);
DIRECTIVE(directive_template);
DIRECTIVE(directive_timeouts);

/* `fallthrough [ZONES…]`, in hosts and template. */
void directive_fallthrough(struct corefile_reader *reader, const struct corefile_words *words,
                           bool *ret, struct dns_name **zones, size_t *count);
/* The upstream servers that words 2 on are: addresses, and files like /etc/resolv.conf. */
void directive_upstreams(struct corefile_reader *reader, const struct corefile_words *words,
                         struct forward_settings *forward);

#endif
