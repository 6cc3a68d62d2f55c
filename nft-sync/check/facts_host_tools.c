/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "common/address.h"
#include "common/control.h"
#include "common/file.h"
#include "common/process.h"
#include "nft-sync/check/facts_host.h"

#define UNITS "/etc/systemd/system"
#define FILE_MAX (4U << 20) /* bytes of a file that is looked into */
#define OUTPUT_MAX 4096
#define NFT_TIMEOUT 5000 /* milliseconds */
#define DAEMON_TIMEOUT 3 /* seconds */

extern char **environ;

struct running {
	struct host_sight *sight;
	bool done, failed;
};

/* "nftables v1.0.6 (Lester Gooch #5)"; its name is no number. */
static void take_version(void *context, const struct process_result *result)
{
	struct running *running = context;
	const char *text = result->error.code == 0 && result->status == 0
	                           ? strstr(result->output, " v")
	                           : NULL;
	char version[64];
	running->done = true;
	if (!text)
		return;
	(void)snprintf(version, sizeof(version), "%.*s", (int)strcspn(text + 2, " \n"), text + 2);
	running->sight->nft = host_version_read(running->sight->arena, version);
	running->failed = !running->sight->nft.text;
}

int host_nft_read(struct host_sight *sight)
{
	char *arguments[] = {(char[]){"nft"}, (char[]){"--version"}, NULL};
	struct running running = {.sight = sight};
	const struct process_request request = {.arguments = arguments,
	                                        .environment = environ,
	                                        .timeout = NFT_TIMEOUT,
	                                        .output_max = OUTPUT_MAX,
	                                        .done = take_version,
	                                        .context = &running};
	struct process *process;
	struct error ignored = {0};
	uv_loop_t loop;
	sight->nft.text = "";
	if (uv_loop_init(&loop) < 0)
		return -ENOMEM;
	if (process_start(&loop, &request, &process, &ignored) == 0)
		while (!running.done)
			uv_run(&loop, UV_RUN_ONCE);
	while (uv_run(&loop, UV_RUN_DEFAULT) != 0) {
	}
	uv_loop_close(&loop);
	return running.failed ? -ENOMEM : 0;
}

static int is_target(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	return dot && (strcmp(dot, ".wants") == 0 || strcmp(dot, ".requires") == 0);
}

bool host_unit_enabled(const char *unit)
{
	struct dirent **names;
	bool enabled = false;
	int count = scandir(UNITS, &names, is_target, alphasort);
	for (int i = 0; i < count; i++) {
		char path[1024];
		(void)snprintf(path, sizeof(path), UNITS "/%s/%s", names[i]->d_name, unit);
		/* A link into a file system that is not this one's is enabled as well. */
		char target[2];
		enabled |= readlink(path, target, sizeof(target)) > 0 || access(path, F_OK) == 0;
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return enabled;
}

bool host_file_says(const char *path, const char *words)
{
	size_t length = strlen(words), size;
	char *text;
	bool says = false;
	if (file_read(path, FILE_MAX, &text, &size, NULL) < 0)
		return false;
	for (const char *line = text; line && !says; line = strchr(line, '\n')) {
		line += strspn(line, " \t\n");
		says = strncmp(line, words, length) == 0 && !isalnum((unsigned char)line[length]);
	}
	free(text);
	return says;
}

static bool is_of_family(const cJSON *server, uint8_t family)
{
	const char *text =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(server, "address"));
	struct prefix address;
	return text && address_parse(text, &address) == 0 && address.family == family;
}

int host_led_servers(const char *branches, uint8_t family)
{
	char *text;
	size_t length;
	int count = 0;
	int r = file_read(branches, FILE_MAX, &text, &length, NULL);
	if (r < 0)
		return r;
	cJSON *tree = cJSON_ParseWithLength(text, length);
	const cJSON *servers = cJSON_GetObjectItemCaseSensitive(tree, "dnsServers"), *server;
	cJSON_ArrayForEach (server, servers)
		count += is_of_family(server, family);
	r = cJSON_IsArray(servers) ? count : -EBADMSG;
	cJSON_Delete(tree);
	free(text);
	return r;
}

static const char *keep(struct arena *arena, const cJSON *object, const char *key)
{
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(object, key);
	return host_text_keep(arena, cJSON_IsString(text) ? text->valuestring : "");
}

int host_repairs_read(struct host_sight *sight, const char *socket)
{
	struct host_repairs *repairs = &sight->repairs;
	struct error ignored = {0};
	cJSON *request = cJSON_CreateObject(), *answer = NULL;
	int r = 0;
	if (!request || !cJSON_AddStringToObject(request, "command", "status")) {
		cJSON_Delete(request);
		return -ENOMEM;
	}
	repairs->error = control_ask(socket, request, DAEMON_TIMEOUT, &answer, &ignored);
	if (repairs->error == 0) {
		const cJSON *kernel = cJSON_GetObjectItemCaseSensitive(answer, "kernel");
		const cJSON *said = cJSON_GetObjectItemCaseSensitive(kernel, "repairs");
		repairs->known = cJSON_IsObject(said);
		repairs->count =
			cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(said, "count"));
		repairs->what = keep(sight->arena, said, "what");
		repairs->process = keep(sight->arena, said, "process");
		r = repairs->what && repairs->process ? 0 : -ENOMEM;
	}
	cJSON_Delete(answer);
	cJSON_Delete(request);
	return r;
}
