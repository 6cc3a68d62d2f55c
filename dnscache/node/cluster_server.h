/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_CLUSTER_SERVER_H
#define PODSG_DNS_CLUSTER_SERVER_H

#include "common/address.h"

/* A server of the cluster's DNS, as packets are addressed behind kube-proxy's DNAT. */
struct cluster_server {
	struct prefix address; /* a whole one */
	uint16_t udp_port, tcp_port;
};

#endif
