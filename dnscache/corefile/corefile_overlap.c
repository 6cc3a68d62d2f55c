/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/corefile/corefile_reader.h"

static bool has_bind(const struct server_block *block, const struct prefix *address)
{
	for (size_t i = 0; i < block->bind_count; i++) {
		if (prefix_equal(&block->binds[i], address))
			return true;
	}
	return false;
}

/* A block that binds to nothing in particular is bound to everything. */
static bool share_listener(const struct server_block *a, const struct server_block *b)
{
	if (a->port != b->port)
		return false;
	if (a->bind_count == 0 || b->bind_count == 0)
		return true;
	for (size_t i = 0; i < a->bind_count; i++) {
		if (has_bind(b, &a->binds[i]))
			return true;
	}
	return false;
}

static bool has_zone(const struct dns_name *zones, size_t count, const struct dns_name *zone)
{
	for (size_t i = 0; i < count; i++) {
		if (dns_name_equal(&zones[i], zone))
			return true;
	}
	return false;
}

static void refuse(struct corefile_reader *reader, const struct server_block *block,
                   const struct dns_name *zone, const struct server_block *other)
{
	const struct corefile_token place = {.file = block->file, .line = block->line};
	char text[DNS_NAME_TEXT_MAX];

	corefile_refuse_at(reader, &place, dns_name_text(zone, text),
	                   "the zone is served on port %u by the block of %s:%u already",
	                   block->port, other->file, other->line);
}

static void check_twice(struct corefile_reader *reader, const struct server_block *block)
{
	for (size_t i = 1; i < block->zone_count; i++) {
		if (has_zone(block->zones, i, &block->zones[i]))
			refuse(reader, block, &block->zones[i], block);
	}
}

static void check_pair(struct corefile_reader *reader, const struct server_block *block,
                       const struct server_block *earlier)
{
	for (size_t i = 0; share_listener(block, earlier) && i < block->zone_count; i++) {
		if (has_zone(earlier->zones, earlier->zone_count, &block->zones[i]))
			refuse(reader, block, &block->zones[i], earlier);
	}
}

void corefile_check_overlaps(struct corefile_reader *reader)
{
	const struct corefile *corefile = reader->corefile;

	for (size_t i = 0; i < corefile->block_count && reader->failed == 0; i++) {
		check_twice(reader, &corefile->blocks[i]);
		for (size_t j = 0; j < i; j++)
			check_pair(reader, &corefile->blocks[i], &corefile->blocks[j]);
	}
}
