/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SOURCE_EC2_H
#define PODSG_SOURCE_EC2_H

/*
 * EC2 as a source: the security groups, network interfaces and prefix lists that this node's rules
 * need, asked for when something new is needed and every sources.ec2.refresh; and what the
 * instance says of itself.
 *
 * Each kind is read whole or not at all: what was read before stays until EC2 has said otherwise,
 * over a restart, too, by copies in <sources.files.directory>.ec2. Documents: "ec2/…".
 */

#include "nft-sync/source/live_sources.h"

/* Once it has synced it stays so; changed() is called when it comes about, too. */
extern const struct live_kind source_ec2_kind;

#endif
