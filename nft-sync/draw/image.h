/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_IMAGE_H
#define PODSG_IMAGE_H

/*
 * An image is what our table holds, or should hold: sets, maps and chains as plain data. The
 * renderer makes one from a resolution, the kernel reader one from a dump; delta.h says what
 * leads from one to another. Sets and chains are immutable once finished and shared by reference
 * between images, so that what did not change is recognised by its pointer.
 */

#include "common/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_NAME_MAX 128    /* with the final NUL; the kernel takes 256 */
#define IMAGE_COMMENT_MAX 128 /* with the final NUL; nft 1.0.6 shows no longer ones */
#define IMAGE_KEY_MAX 32      /* bytes of a key: two interface names */
#define IMAGE_FIELDS_MAX 3
#define IMAGE_STATEMENTS_MAX 6

/* What a field of a key is loaded from. Its type in the kernel and in nft follows from it. */
enum field {
	FIELD_NONE,
	FIELD_IN,  /* iifname */
	FIELD_OUT, /* oifname */
	FIELD_SOURCE4,
	FIELD_DESTINATION4,
	FIELD_SOURCE6,
	FIELD_DESTINATION6,
	FIELD_PROTOCOL, /* meta l4proto */
	FIELD_PORT,     /* th dport */
	FIELD_SOURCE_PORT,
	FIELD_ICMP_TYPE,
	FIELD_ICMP_CODE,
	FIELD_ICMPV6_TYPE,
	FIELD_ICMPV6_CODE,
};

enum key_type {
	KEY_NONE,
	KEY_INTERFACE,
	KEY_ADDRESS4,
	KEY_ADDRESS6,
	KEY_PROTOCOL,
	KEY_PORT,
	KEY_ICMP_TYPE,
	KEY_ICMP_CODE,
	KEY_ICMPV6_TYPE,
	KEY_ICMPV6_CODE,
};

enum set_data {
	DATA_NONE,
	DATA_VERDICT,  /* a verdict map */
	DATA_ADDRESS4, /* a map to IPv4 addresses: each key to itself */
	DATA_ADDRESS6,
};

enum verdict_code { VERDICT_NONE, VERDICT_DROP, VERDICT_RETURN, VERDICT_JUMP, VERDICT_GOTO };

struct verdict_to {
	enum verdict_code code;
	char chain[IMAGE_NAME_MAX]; /* jump and goto */
};

/*
 * A set or map. Keys are packed one behind the other in ascending order: key, and in interval sets
 * the last key of the element, both key_length bytes in network order, each field padded to 4
 * bytes as the kernel wants it.
 */
struct image_set {
	unsigned references;
	uint64_t stamp; /* of the last image_add_set_once() */
	char name[IMAGE_NAME_MAX];
	char comment[IMAGE_COMMENT_MAX]; /* "" = none */
	enum key_type types[IMAGE_FIELDS_MAX];
	unsigned field_count;
	unsigned key_length;
	bool interval;
	bool counters; /* every element counts packets and bytes */
	enum set_data data;
	size_t count;
	size_t capacity;
	uint8_t *keys;
	struct verdict_to *verdicts; /* DATA_VERDICT, else NULL */
	char **comments;             /* an entry may be NULL; NULL where no element has one */
};

enum statement_kind {
	STATEMENT_LOOKUP,      /* fields are in the set */
	STATEMENT_VERDICT_MAP, /* fields vmap the set */
	STATEMENT_IN,          /* iifname is name */
	STATEMENT_OUT,         /* oifname is name */
	STATEMENT_IN_PREFIX,   /* iifname begins with name */
	STATEMENT_OUT_PREFIX,  /* oifname begins with name */
	STATEMENT_IN_KIND,     /* it came in by a link of the kind name, as "ip -d link" shows it */
	STATEMENT_OUT_KIND,
	STATEMENT_FROM_NODE, /* came in by no interface */
	STATEMENT_UDP_PORTS, /* udp from port low to port high, in a family */
	STATEMENT_HOP_LIMIT, /* ip6 hoplimit is number */
	STATEMENT_ORIGINAL,  /* conntrack: the packet goes in the original direction */
	STATEMENT_REPLY,
	STATEMENT_DNATED,        /* conntrack: destination NAT was done */
	STATEMENT_ORIGINAL_PORT, /* conntrack: protocol number and its port before DNAT in low..high
	                          */
	STATEMENT_MARKED,        /* connection mark has all bits of number */
	STATEMENT_MARK,          /* sets the bits of number in the connection mark */
	STATEMENT_COUNTER,
	STATEMENT_LIMIT,    /* at most number packets a second */
	STATEMENT_LOG,      /* to nflog group number, prefix name */
	STATEMENT_PRIORITY, /* the packet has priority number */
	STATEMENT_RANDOM,   /* one time in number */
	STATEMENT_DNAT,     /* of a protocol: to address and port low, in a family */
	STATEMENT_SNAT,     /* to what the map (a set of DATA_ADDRESS4 or 6) says of the source */
	STATEMENT_VERDICT,
};

struct statement {
	enum statement_kind kind;
	enum field fields[IMAGE_FIELDS_MAX];
	uint8_t family;
	uint8_t protocol;
	uint8_t mask; /* bits that stay of the key's IPv6 address before it is looked up; 0: all */
	uint16_t low, high;
	uint8_t address[16];
	uint32_t number;
	enum verdict_code verdict;
	char name[IMAGE_NAME_MAX]; /* set, interface, prefix or chain */
};

struct image_rule {
	struct statement statements[IMAGE_STATEMENTS_MAX];
	unsigned count;
};

enum image_hook {
	HOOK_NONE,
	HOOK_INPUT,
	HOOK_FORWARD,
	HOOK_OUTPUT,
	HOOK_POSTROUTING,
	HOOK_PREROUTING_NAT,
	HOOK_POSTROUTING_NAT
};

struct image_chain {
	unsigned references;
	uint64_t stamp; /* of the last image_add_chain_once() */
	char name[IMAGE_NAME_MAX];
	char comment[IMAGE_COMMENT_MAX];
	enum image_hook hook;
	int priority;
	struct image_rule
		*rules; /* NULL in a chain read from the kernel: only its digest is known */
	size_t rule_count;
	size_t capacity;
	bool failed;     /* memory was short while a rule was added */
	bool digested;   /* the kernel layer has set digest */
	uint64_t digest; /* of the rules as the kernel shows them */
};

struct image {
	bool present; /* the table exists */
	bool foreign; /* as read: holds something we cannot have made; to be replaced whole */
	bool orphan;  /* as read: its owner's process is gone, it waits to be adopted */
	struct image_set **sets; /* by name, once finished */
	size_t set_count, set_capacity;
	struct image_chain **chains; /* by name, once finished */
	size_t chain_count, chain_capacity;
};

enum key_type field_type(enum field field);
unsigned key_type_length(enum key_type type); /* bytes, unpadded */

/* All makers return NULL, all adders -ENOMEM, when memory is short. */
struct image_set *image_set_new(const char *name, const enum key_type *types, unsigned count,
                                enum set_data data);
/* comment: for who reads the listing. */
struct image_set *image_set_for(const char *name, const char *comment, const enum key_type *types,
                                unsigned count, enum set_data data);
/* last is NULL but in interval sets; verdict only in verdict maps; comment may be NULL. */
int image_set_add(struct image_set *set, const uint8_t *key, const uint8_t *last,
                  const struct verdict_to *verdict, const char *comment);
/* Sorts; of equal keys the one added first stays. */
int image_set_finish(struct image_set *set);
size_t image_set_stride(const struct image_set *set);
const uint8_t *image_set_key(const struct image_set *set, size_t index);
const uint8_t *image_set_last(const struct image_set *set, size_t index);
bool image_set_same_definition(const struct image_set *a, const struct image_set *b);
struct image_set *image_set_ref(struct image_set *set);
void image_set_unref(struct image_set *set); /* accepts NULL */

struct image_chain *image_chain_new(const char *name, const char *comment);
/* An empty rule to be filled, valid until the next one is added. chain may be NULL; on lack of
 * memory NULL, and image_add_chain() will refuse the chain. */
struct image_rule *image_chain_rule(struct image_chain *chain);
struct image_chain *image_chain_ref(struct image_chain *chain);
void image_chain_unref(struct image_chain *chain); /* accepts NULL */

struct image *image_new(void);
void image_free(struct image *image); /* accepts NULL */
/* What an image is made of: everything, and the arrays. */
void image_parts_free(struct image_set **sets, size_t set_count, struct image_chain **chains,
                      size_t chain_count);
/* Take over the caller's reference, also when they fail and when set or chain is NULL. */
int image_add_set(struct image *image, struct image_set *set);
int image_add_chain(struct image *image, struct image_chain *chain);
/* Take a reference of their own, unless what is shared by many has this stamp: then it is there. */
int image_add_set_once(struct image *image, struct image_set *set, uint64_t stamp);
int image_add_chain_once(struct image *image, struct image_chain *chain, uint64_t stamp);
/* Sorts. Of two sets or chains of one name, which then have the same content, one stays. */
void image_finish(struct image *image);
struct image_set *image_find_set(const struct image *image, const char *name);
struct image_chain *image_find_chain(const struct image *image, const char *name);

/* Writes a field of a key at *offset and moves it on by the padded length. */
void key_put(uint8_t *key, unsigned *offset, const void *value, unsigned length);
void key_put_name(uint8_t *key, unsigned *offset, const char *interface);
void key_put_address(uint8_t *key, unsigned *offset, const struct prefix *prefix);

#endif
