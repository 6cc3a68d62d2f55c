/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CNI_RESULT_H
#define PODSG_CNI_RESULT_H

/* What the plugins before us have made, as their result (prevResult) says it. */

#include "common/address.h"
#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CNI_INTERFACES_MAX 64
#define CNI_ADDRESSES_MAX 64

struct cni_interface {
	char name[24]; /* "" = longer than any interface's; aws-cni's "dummy…" has 16 characters */
	char mac[24];  /* aws-cni keeps numbers in it */
	bool inside;   /* in the sandbox */
};

struct cni_address {
	struct prefix address;
	int interface; /* index; -1: not said */
};

struct cni_result {
	struct cni_interface interfaces[CNI_INTERFACES_MAX];
	size_t interface_count;
	struct cni_address addresses[CNI_ADDRESSES_MAX];
	size_t address_count;
};

/* -EBADMSG: not a result of CNI 0.3.1 or later; -E2BIG: more of something than anybody needs. */
int cni_result_read(const struct json_slice *text, struct cni_result *ret, struct error *err);

/* The id in the name of the VPC CNI's marker, which stands for a branch interface; 0: none. */
uint16_t cni_result_vlan(const struct cni_result *result);
/* Not an interface: the marker. */
bool cni_interface_is_marker(const struct cni_interface *interface);
/* Whether that is an address of the sandbox's interface of that name. */
bool cni_address_is_of(const struct cni_result *result, const struct cni_address *address,
                       const char *ifname);

#endif
