/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nft-sync/host/host.h"

static int name_compare(const void *key, const void *element)
{
	const struct host_link *link = element;

	return strcmp(key, link->name);
}

void host_done(struct host *host)
{
	free(host->links);
	free(host->addresses);
	*host = (struct host){0};
}

const struct host_link *host_link(const struct host *host, const char *name)
{
	if (host->link_count == 0)
		return NULL;
	return bsearch(name, host->links, host->link_count, sizeof(*host->links), name_compare);
}

const struct host_link *host_link_once(const struct host *host, const char *first_name)
{
	const struct host_link *link = host_link(host, first_name);

	if (link && strcmp(link->first_name, first_name) == 0)
		return link;
	for (size_t i = 0; host->renamed && first_name[0] && i < host->link_count; i++)
		if (strcmp(host->links[i].first_name, first_name) == 0)
			return &host->links[i];
	return NULL;
}

const struct host_link *host_link_numbered(const struct host *host, unsigned index)
{
	for (size_t i = 0; i < host->link_count; i++)
		if (host->links[i].index == index)
			return &host->links[i];
	return NULL;
}

bool host_equal(const struct host *a, const struct host *b)
{
	if (a->link_count != b->link_count || a->address_count != b->address_count ||
	    strcmp(a->default_interface, b->default_interface) != 0)
		return false;
	for (size_t i = 0; i < a->link_count; i++)
		if (a->links[i].index != b->links[i].index ||
		    strcmp(a->links[i].name, b->links[i].name) != 0 ||
		    strcmp(a->links[i].first_name, b->links[i].first_name) != 0)
			return false;
	for (size_t i = 0; i < a->address_count; i++)
		if (a->addresses[i].link != b->addresses[i].link ||
		    !prefix_equal(&a->addresses[i].address, &b->addresses[i].address))
			return false;
	return true;
}
