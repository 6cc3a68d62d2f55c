/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/cni/cni_result.h"

#define VLAN_MAX 4094

static void copy_text(const cJSON *object, const char *key, char *ret, size_t size)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
	if (text && strlen(text) < size)
		memcpy(ret, text, strlen(text) + 1);
}

static int read_interface(const cJSON *item, struct cni_result *result, struct error *err)
{
	const char *sandbox =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "sandbox"));
	if (!cJSON_IsObject(item))
		return error_set(err, -EBADMSG, "interfaces[%zu]: expected an object",
		                 result->interface_count);
	struct cni_interface *interface = &result->interfaces[result->interface_count++];
	copy_text(item, "name", interface->name, sizeof(interface->name));
	copy_text(item, "mac", interface->mac, sizeof(interface->mac));
	interface->inside = sandbox && sandbox[0];
	return 0;
}

/* "10.0.1.5/32": the length is the subnet's. */
static int read_whole_address(const char *text, struct prefix *ret)
{
	char address[PREFIX_TEXT_MAX];
	size_t length = strcspn(text, "/");
	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	return address_parse(address, ret);
}

static int read_address(const cJSON *item, struct cni_result *result, struct error *err)
{
	struct cni_address *address = &result->addresses[result->address_count];
	const cJSON *interface = cJSON_GetObjectItemCaseSensitive(item, "interface");
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "address"));
	if (!text || read_whole_address(text, &address->address) < 0)
		return error_set(err, -EBADMSG,
		                 "ips[%zu].address: expected an IPv4 or IPv6 address",
		                 result->address_count);
	address->interface = -1;
	if (cJSON_IsNumber(interface) && interface->valuedouble >= 0 &&
	    interface->valuedouble < CNI_INTERFACES_MAX)
		address->interface = (int)interface->valuedouble;
	result->address_count++;
	return 0;
}

static int read_list(const cJSON *tree, const char *key, int max, struct cni_result *result,
                     int (*read)(const cJSON *, struct cni_result *, struct error *),
                     struct error *err)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(tree, key);
	const cJSON *item;
	int r = 0;
	if (!list || cJSON_IsNull(list))
		return 0;
	if (!cJSON_IsArray(list))
		return error_set(err, -EBADMSG, "%s: expected a list", key);
	if (cJSON_GetArraySize(list) > max)
		return error_set(err, -E2BIG, "%s: more than %d", key, max);
	cJSON_ArrayForEach (item, list) {
		if (r == 0)
			r = read(item, result, err);
	}
	return r;
}

int cni_result_read(const struct json_slice *text, struct cni_result *ret, struct error *err)
{
	struct cni_result result = {0};
	cJSON *tree = json_tree(text);
	int r = tree ? 0 : error_set(err, -ENOMEM, "no memory");
	if (r == 0 && !cJSON_IsObject(tree))
		r = error_set(err, -EBADMSG, "expected an object");
	if (r == 0)
		r = read_list(tree, "interfaces", CNI_INTERFACES_MAX, &result, read_interface, err);
	if (r == 0)
		r = read_list(tree, "ips", CNI_ADDRESSES_MAX, &result, read_address, err);
	cJSON_Delete(tree);
	if (r == 0)
		*ret = result;
	return r;
}

bool cni_interface_is_marker(const struct cni_interface *interface)
{
	return strncmp(interface->name, "dummy", 5) == 0 && interface->mac[0] &&
	       interface->mac[strspn(interface->mac, "0123456789")] == '\0';
}

uint16_t cni_result_vlan(const struct cni_result *result)
{
	for (size_t i = 0; i < result->interface_count; i++) {
		unsigned long vlan;
		if (!cni_interface_is_marker(&result->interfaces[i]))
			continue;
		errno = 0;
		vlan = strtoul(result->interfaces[i].mac, NULL, 10);
		return errno || vlan > VLAN_MAX ? 0 : (uint16_t)vlan;
	}
	return 0;
}

bool cni_address_is_of(const struct cni_result *result, const struct cni_address *address,
                       const char *ifname)
{
	if (address->interface < 0)
		return true;
	if ((size_t)address->interface >= result->interface_count)
		return false;
	const struct cni_interface *interface = &result->interfaces[address->interface];
	return interface->inside && strcmp(interface->name, ifname) == 0;
}
