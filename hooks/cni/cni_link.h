/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CNI_LINK_H
#define PODSG_CNI_LINK_H

/* Links of this network namespace, and which of them leads into a sandbox. */

#include "common/netlink.h"

#include <net/if.h>

struct cni_link {
	unsigned index;
	char name[IF_NAMESIZE];
	char kind[16];   /* "veth", "bridge", …; "" = hardware */
	unsigned peer;   /* index of a veth's other end in the namespace where that is; 0: none */
	int peer_netns;  /* this namespace's number for that one; -1: the same one */
	unsigned bridge; /* index of the bridge whose port it is; 0: none */
};

/* -ENODEV: there is none. */
int cni_link_named(struct netlink *netlink, const char *name, struct cni_link *ret);
int cni_link_numbered(struct netlink *netlink, unsigned index, struct cni_link *ret);

/*
 * This namespace's end of the veth whose other end is called ifname in the namespace of that path.
 * Both ends are asked, since an index alone means nothing in another namespace. The calling thread
 * is in the other namespace for a moment. -ENODEV: it is no such veth. -ENOENT: no such namespace.
 */
int cni_link_into(struct netlink *netlink, const char *netns, const char *ifname,
                  struct cni_link *ret, struct error *err);

#endif
