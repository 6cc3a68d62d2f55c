/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_INTERFACE_HASH_H
#define PODSG_INTERFACE_HASH_H

#define INTERFACE_HASH_SIZE 12

/*
 * What ends the VPC CNI's name of a pod's host veth, behind a prefix of at most 4 characters: the
 * first 11 hex digits of sha1("namespace.pod"). A namespace and a name as long as Kubernetes
 * permits; of longer ones the end is left out.
 */
void interface_hash(const char *namespace, const char *pod, char ret[static INTERFACE_HASH_SIZE]);

#endif
