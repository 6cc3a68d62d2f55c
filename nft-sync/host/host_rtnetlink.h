/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_HOST_RTNETLINK_H
#define PODSG_HOST_RTNETLINK_H

/* What the readers of facts, events and routes share: parts of rtnetlink messages. */

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The attribute behind a family header of that size, with at least `size` bytes, or NULL. */
const struct nlattr *rtnetlink_attribute(const struct nlmsghdr *message, size_t header,
                                         uint16_t type, size_t size);

const char *rtnetlink_link_name(const struct nlmsghdr *message); /* or NULL */
unsigned rtnetlink_first_hop(const struct nlmsghdr *message);    /* interface of a route, or 0 */
bool rtnetlink_is_default(const struct nlmsghdr *message); /* a default route of the main table */

#endif
