/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dnscache/node/branches.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every client is found by its address, and every name can stand in a rule. */
static void look_up(const struct branches *branches)
{
	size_t count = 0;
	const char *const *strict = branches_strict(branches, &count);
	for (size_t i = 0; i < count; i++)
		if (strlen(strict[i]) > 15 || strpbrk(strict[i], "\"\\*; {}\n"))
			abort();
	for (size_t i = 0; i < branches_client_count(branches); i++) {
		const struct branch_client *client = branches_client(branches, i);
		struct sockaddr_in four = {.sin_family = AF_INET};
		struct sockaddr_in6 six = {.sin6_family = AF_INET6};
		const struct sockaddr *address = (const struct sockaddr *)&six;
		memcpy(&four.sin_addr, client->address, 4);
		memcpy(&six.sin6_addr, client->address, 16);
		if (client->family == AF_INET)
			address = (const struct sockaddr *)&four;
		else if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
			continue;
		if (branches_find(branches, address) != client || !client->pod || !client->reason)
			abort();
		(*client->refused)++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct branches *first = NULL;
	struct branches *second = NULL;
	char path[32];
	int fd = memfd_create("branches", MFD_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd >= 0 && write(fd, data, size) == (ssize_t)size &&
	    branches_load(path, NULL, &first, NULL, NULL) == 0) {
		look_up(first);
		if (branches_load(path, first, &second, NULL, NULL) < 0)
			abort();
		branches_free(first);
		look_up(second);
		branches_free(second);
	}
	if (fd >= 0)
		(void)close(fd);
	return 0;
}
