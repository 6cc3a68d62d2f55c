/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/socket.h>
#include <errno.h>

#include "common/loader.h"

/* How a list of an interface holds its addresses. */
struct address_list {
	const char *list;
	const char *key;
	int family;
	bool delegated; /* prefixes, not addresses */
};

static const struct address_list address_lists[] = {
	{"PrivateIpAddresses", "PrivateIpAddress", AF_INET, false},
	{"Ipv6Addresses", "Ipv6Address", AF_INET6, false},
	{"Ipv4Prefixes", "Ipv4Prefix", AF_INET, true},
	{"Ipv6Prefixes", "Ipv6Prefix", AF_INET6, true},
};

static void read_group(struct loader *loader, const struct field *group, void *context)
{
	const struct field id = field_member(group, "GroupId");

	read_name_element(loader, &id, context);
}

static void add_prefix(struct loader *loader, const struct prefix *prefix)
{
	struct prefix *kept = loader_push(loader, &loader->prefixes);

	if (kept != NULL)
		*kept = *prefix;
}

static void read_listed_address(struct loader *loader, const struct field *element, void *context)
{
	const struct address_list *list = context;
	const struct field field = field_member(element, list->key);
	struct prefix prefix;

	if (list->delegated ? read_prefix(loader, &field, list->family, &prefix)
	                    : read_address(loader, &field, list->family, &prefix))
		add_prefix(loader, &prefix);
}

/* The primary address is the first of PrivateIpAddresses again, where that list is given. */
static void read_primary_address(struct loader *loader, const struct field *interface)
{
	const struct field field = field_member(interface, "PrivateIpAddress");
	const struct prefix *listed = loader->prefixes.items;
	struct prefix address;

	/* An interface of an IPv6-only subnet has none; some tools say so with "". */
	if (field.value == NULL || (cJSON_IsString(field.value) && !field.value->valuestring[0]) ||
	    !read_address(loader, &field, AF_INET, &address))
		return;
	for (size_t i = 0; i < loader->prefixes.count; i++) {
		if (prefix_equal(&listed[i], &address))
			return;
	}
	add_prefix(loader, &address);
}

static void read_addresses(struct loader *loader, const struct field *interface)
{
	for (size_t i = 0; i < sizeof(address_lists) / sizeof(address_lists[0]); i++) {
		struct address_list list = address_lists[i];

		read_elements(loader, interface, list.list, read_listed_address, &list);
	}
	read_primary_address(loader, interface);
}

void load_network_interface(struct loader *loader, const struct field *field)
{
	const struct field id = field_member(field, "NetworkInterfaceId");
	const struct field check = field_member(field, "SourceDestCheck");
	struct network_interface *interface = loader_push(loader, &loader->interfaces);

	if (interface == NULL)
		return;
	interface->id = read_name(loader, &id, REQUIRED);
	interface->source_dest_check = read_flag(loader, &check, true);
	interface->line = field_line(loader->item, field);
	read_elements(loader, field, "Groups", read_group, NULL);
	loader_keep(loader, &loader->names, &interface->groups, &interface->group_count);
	read_addresses(loader, field);
	loader_keep(loader, &loader->prefixes, &interface->addresses, &interface->address_count);
	loader_define(loader, DEFINES_INTERFACE, "", interface->id, &id);
}

static void read_cidr(struct loader *loader, const struct field *cidr, void *context)
{
	struct prefix *prefix = loader_push(loader, context);

	if (prefix != NULL)
		(void)read_prefix(loader, cidr, AF_UNSPEC, prefix);
}

/* describe-managed-prefix-lists names a list; describe-prefix-lists has its Cidrs, too. */
void load_prefix_list(struct loader *loader, const struct field *field)
{
	const struct field id = field_member(field, "PrefixListId");
	const struct field name = field_member(field, "PrefixListName");
	const struct field cidrs = field_member(field, "Cidrs");
	struct prefix_list *list = loader_push(loader, &loader->prefix_lists);

	if (list == NULL)
		return;
	list->id = read_name(loader, &id, REQUIRED);
	list->name = read_string(loader, &name, OPTIONAL);
	list->known = cidrs.value != NULL;
	list->line = field_line(loader->item, field);
	read_elements(loader, field, "Cidrs", read_cidr, &loader->prefixes);
	loader_keep(loader, &loader->prefixes, &list->entries, &list->entry_count);
	loader_define(loader, DEFINES_PREFIX_LIST, "", list->id, &id);
}

void load_prefix_list_entry(struct loader *loader, const struct field *entry)
{
	const struct field cidr = field_member(entry, "Cidr");

	read_cidr(loader, &cidr, &loader->entries);
}

/* get-managed-prefix-list-entries does not say of which list: its id is added by hand. */
void load_prefix_list_entries(struct loader *loader, const struct field *document)
{
	const struct field id = field_member(document, "PrefixListId");
	struct prefix_list *list = loader_push(loader, &loader->prefix_lists);

	if (list == NULL)
		return;
	if (id.value == NULL)
		loader_refuse(loader, -EINVAL, &id,
		              "is missing: add the id of the list whose Entries these are");
	list->id = read_name(loader, &id, REQUIRED);
	list->name = "";
	list->known = true;
	list->line = field_line(loader->item, document);
	loader_keep(loader, &loader->entries, &list->entries, &list->entry_count);
	loader_define(loader, DEFINES_PREFIX_LIST_ENTRIES, "", list->id, &id);
}
