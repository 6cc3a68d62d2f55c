/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_RECORD_DATA_H
#define PODSG_DNS_RECORD_DATA_H

/* Where names stand inside the data of a record. */

#include "dnscache/wire/records.h"

struct dns_data_shape {
	uint16_t type;
	uint8_t before;  /* bytes in front of the names */
	uint8_t strings; /* <character-string>s behind these */
	uint8_t names;   /* one or two */
	bool compress;   /* RFC 3597 §4: the types of RFC 1035 and no others */
	bool compressed; /* may come compressed all the same */
};

/* NULL: a type without names, or one that is not known. */
const struct dns_data_shape *dns_data_shape(uint16_t type);

/* Where the names of whole data begin: shape->names of them, one behind the other, the rest behind
 * them. -EBADMSG: the data doesn't have its type's shape. */
int dns_data_names(const struct dns_data_shape *shape, const uint8_t *data, size_t size,
                   size_t *ret);

/*
 * Data as it stands in a message, copied into the arena with its names written out. -EBADMSG: names
 * that can't be read, or an address of the wrong size; -ENOMEM.
 */
int dns_data_read(const uint8_t *message, size_t offset, size_t size, uint16_t type,
                  struct arena *arena, const uint8_t **ret, uint16_t *ret_size);

/* The name that a CNAME, DNAME, NS, MX, SRV, SVCB or HTTPS leads to (RFC 9460 §2.5.2: "." is the
 * owner). -ENOENT: another type, or broken. */
int dns_data_target(const struct dns_record *record, struct dns_name *ret);

#define DNS_RRSIG_SIGNER 18 /* where its signer's name stands */

/* An RRSIG's type covered; any other record's own type: what belongs to one RRset has one. */
static inline uint16_t dns_record_covers(const struct dns_record *record)
{
	if (record->type == DNS_TYPE_RRSIG && record->data_size > DNS_RRSIG_SIGNER)
		return dns_u16(record->data);
	return record->type;
}

#endif
