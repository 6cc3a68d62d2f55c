/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dnscache/plugin/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
	"localhost",
	"a.example",
	"1.0.0.127.in-addr.arpa",
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
};

static void ask(const struct hosts *hosts)
{
	static const uint16_t types[] = {DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_PTR, DNS_TYPE_MX};

	for (size_t i = 0; i < 16; i++) {
		struct arena *arena = arena_new(1 << 20);
		struct dns_question question = {.type = types[i % 4]};
		struct dns_records records;

		(void)dns_name_parse(names[i / 4], &question.name);
		dns_records_begin(&records, &question, arena);
		if (hosts_answer(hosts, &question, &records) == 0 && records.count > 0)
			abort();
		if (records.count > hosts_entry_count(hosts))
			abort();
		arena_free(arena);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dns_name root = {.length = 1};
	struct hosts_settings settings = {.ttl = 60};
	struct hosts *hosts = NULL;
	char path[32];
	int fd = memfd_create("hosts", MFD_CLOEXEC);

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	settings.path = path;
	if (fd >= 0 && write(fd, data, size) == (ssize_t)size &&
	    hosts_load(&settings, &root, 1, &hosts, NULL) == 0)
		ask(hosts);
	hosts_free(hosts);
	if (fd >= 0)
		(void)close(fd);
	return 0;
}
