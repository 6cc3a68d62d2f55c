/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_INTERFACE_NAME_H
#define PODSG_INTERFACE_NAME_H

#define INTERFACE_PREFIX_MAX 4 /* characters; 11 digits and the final NUL fill IFNAMSIZ */
#define STRICT_PREFIX "vlan"

/* The VPC CNI's name of a pod's host veth. A longer prefix is cut. */
void interface_name(const char *prefix, const char *namespace, const char *pod,
                    char ret[static 16]);

#endif
