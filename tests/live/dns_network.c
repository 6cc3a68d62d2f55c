/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/node/network.h"

/*
 * dnscache/node/network.h, driven by lines: "interface", "rules [STRICT…]", "servers [ADDRESS…]",
 * "counters", "rules-down", "interface-down". Each is answered by a line: "ok …" or the error.
 *
 *     dns_network interface=nodelocaldns listen=169.254.20.10 server=10.0.0.53 [health=8080]
 */

#define WORDS_MAX 256
#define ADDRESSES_MAX 16

struct options {
	struct prefix listen[ADDRESSES_MAX];
	const char *servers[ADDRESSES_MAX];
	size_t server_count;
	struct network_settings settings;
};

static struct prefix address_of(const char *text)
{
	struct prefix address;
	if (address_parse(text, &address) < 0) {
		fprintf(stderr, "dns_network: %s: not an address\n", text);
		exit(2);
	}
	return address;
}

static void read_word(struct options *options, const char *word)
{
	struct network_settings *settings = &options->settings;
	const char *value = strchr(word, '=');
	value = value ? value + 1 : "";
	if (strncmp(word, "interface=", 10) == 0)
		settings->interface = value;
	else if (strncmp(word, "listen=", 7) == 0 && settings->address_count < ADDRESSES_MAX)
		options->listen[settings->address_count++] = address_of(value);
	else if (strncmp(word, "server=", 7) == 0 && options->server_count < ADDRESSES_MAX)
		options->servers[options->server_count++] = value;
	else if (strncmp(word, "health=", 7) == 0)
		settings->health_port = (uint16_t)strtoul(value, NULL, 10);
	else
		exit(2);
}

static void say(int r, const struct error *err)
{
	if (r < 0)
		printf("error %d %s\n", r, err->text);
	else
		printf("ok\n");
}

static void say_counters(struct network *network)
{
	struct network_counters counters = {0};
	struct error err = {0};
	int r = network_counters(network, &counters, &err);
	if (r < 0)
		say(r, &err);
	else
		printf("ok %llu %llu %llu\n", (unsigned long long)counters.queries,
		       (unsigned long long)counters.answers, (unsigned long long)counters.passed);
}

/* UDP at the usual port, TCP at another one. */
static int set_servers(struct network *network, const char *const *words, size_t count,
                       struct error *err)
{
	struct cluster_server servers[WORDS_MAX];
	for (size_t i = 0; i < count; i++)
		servers[i] = (struct cluster_server){address_of(words[i]), 53, 5353};
	return network_set_servers(network, servers, count, err);
}

static void obey(struct network *network, char *line)
{
	const char *words[WORDS_MAX];
	size_t count = 0;
	char *rest = NULL;
	struct error err = {0};
	for (char *word = strtok_r(line, " \n", &rest); word && count < WORDS_MAX;
	     word = strtok_r(NULL, " \n", &rest))
		words[count++] = word;
	if (count == 0)
		return;
	if (strcmp(words[0], "interface") == 0)
		say(network_set_up_interface(network, &err), &err);
	else if (strcmp(words[0], "rules") == 0)
		say(network_set_up_rules(network, words + 1, count - 1, &err), &err);
	else if (strcmp(words[0], "servers") == 0)
		say(set_servers(network, words + 1, count - 1, &err), &err);
	else if (strcmp(words[0], "counters") == 0)
		say_counters(network);
	else if (strcmp(words[0], "rules-down") == 0)
		say(network_tear_down_rules(network, &err), &err);
	else if (strcmp(words[0], "interface-down") == 0)
		say(network_tear_down_interface(network, &err), &err);
	else
		printf("error 0 what is %s?\n", words[0]);
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	struct options options = {.settings = {.interface = "nodelocaldns",
	                                       .port = 53,
	                                       .interface_wanted = true,
	                                       .rules_wanted = true}};
	struct network *network = NULL;
	struct error err = {0};
	char line[4096];
	for (int i = 1; i < argc; i++)
		read_word(&options, argv[i]);
	options.settings.addresses = options.listen;
	if (network_open(&options.settings, &network, &err) < 0 ||
	    set_servers(network, options.servers, options.server_count, &err) < 0) {
		fprintf(stderr, "dns_network: %s\n", err.text);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin))
		obey(network, line);
	network_close(network);
	return 0;
}
