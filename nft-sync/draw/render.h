/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RENDER_H
#define PODSG_RENDER_H

/*
 * Draws the image of our table from a resolution. It knows the verdict rules (README), in which
 * order they are asked, and the names that a person reads in `nft list table inet podsg`; it knows
 * no netlink.
 *
 * What the packet meets, for an interface E (egress; ingress likewise, mirrored):
 *
 *   forward, input: iifname @branches -> jump egress
 *   egress          a newer pod has the address (@claimed)?              goto claimed-egress
 *                   this end has permitted the flow (connection mark)?   return
 *                   neighbour discovery?                                 return
 *                   the source is E's (@addresses4, @addresses6)?        else drop-egress-source
 *   strict-egress   to its own device (@paths)?                          else drop-egress-path
 *   …               exempt services and hairpins                         goto permit-egress
 *   standard-…      crosses the primary interface?                       jump node-egress
 *   …               iifname vmap @rules-egress -> goto rules-egress-<digest>
 *   rules-…         a set holds peer and port?                           goto permit-egress
 *                                                                        else drop-egress-rules
 *   permit-egress   remember it in the connection mark
 */

#include "common/error.h"
#include "nft-sync/draw/image.h"
#include "nft-sync/model/model.h"
#include "nft-sync/resolve/resolution.h"

struct renderer;

struct renderer *renderer_new(void);           /* NULL: no memory */
void renderer_free(struct renderer *renderer); /* accepts NULL */

struct render_report {
	size_t rule_sets;          /* in the image */
	size_t rule_sets_compiled; /* this time */
	size_t elements;           /* boxes and spans of the rule sets in the image */
};

/*
 * previous (NULL: none) lends what did not change. A rule set that can't be compiled (-E2BIG)
 * closes the interfaces that need it, which the resolution then says, and is named in a problem
 * sentence given to say.
 */
int render(struct renderer *renderer, struct resolution *resolution, struct model *model,
           const struct image *previous, struct image **ret, struct render_report *report,
           void (*say)(void *context, const char *problem), void *context, struct error *err);

#endif
