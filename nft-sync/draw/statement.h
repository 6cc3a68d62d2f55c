/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_STATEMENT_H
#define PODSG_STATEMENT_H

/*
 * Fills the rules of an image, one statement a call. Each returns the rule, so that calls nest into
 * one expression that reads like the rule; a NULL rule (memory was short) passes through.
 */

#include "nft-sync/draw/image.h"

struct image_rule *match_set(struct image_rule *rule, const char *set, enum field first,
                             enum field second, enum field third);
/* Of the address in the look-up said last, only so many bits count; 0: all. */
struct image_rule *mask_address(struct image_rule *rule, unsigned length);
struct image_rule *verdict_map(struct image_rule *rule, const char *set, enum field first,
                               enum field second, enum field third);
struct image_rule *match_in(struct image_rule *rule, const char *interface);
struct image_rule *match_out(struct image_rule *rule, const char *interface);
struct image_rule *match_in_prefix(struct image_rule *rule, const char *prefix);
struct image_rule *match_out_prefix(struct image_rule *rule, const char *prefix);
struct image_rule *match_in_kind(struct image_rule *rule, const char *kind);
struct image_rule *match_out_kind(struct image_rule *rule, const char *kind);
struct image_rule *match_from_node(struct image_rule *rule);
struct image_rule *match_udp_ports(struct image_rule *rule, uint8_t family, uint16_t source,
                                   uint16_t destination);
struct image_rule *match_hop_limit(struct image_rule *rule, uint8_t limit);
struct image_rule *match_original(struct image_rule *rule);
struct image_rule *match_reply(struct image_rule *rule);
struct image_rule *match_dnated(struct image_rule *rule);
struct image_rule *match_original_port(struct image_rule *rule, uint8_t protocol, uint16_t low,
                                       uint16_t high);
struct image_rule *match_marked(struct image_rule *rule, uint32_t bits);
struct image_rule *set_mark(struct image_rule *rule, uint32_t bits);
struct image_rule *count_packets(struct image_rule *rule);
struct image_rule *limit_rate(struct image_rule *rule, uint32_t per_second);
struct image_rule *log_packets(struct image_rule *rule, uint16_t group, const char *prefix);
struct image_rule *snat_by_map(struct image_rule *rule, const char *map, uint8_t family);
struct image_rule *match_priority(struct image_rule *rule, uint32_t priority);
/* One time in `times`. */
struct image_rule *match_randomly(struct image_rule *rule, uint32_t times);
/* Ends the rule, and the way of the packet through tables that translate destinations. nft reads a
 * port only behind its protocol. */
void dnat_to(struct image_rule *rule, const struct prefix *address, uint8_t protocol,
             uint16_t port);
void give_verdict(struct image_rule *rule, enum verdict_code code, const char *chain);

#endif
