/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dnscache/node/branches.h"

#define FILE_OF(list) "{\"version\":1,\"generation\":7,\"branches\":[" list "]}"
#define STANDARD(pod, addresses, udp, tcp)                                                         \
	"{\"interface\":\"eni" pod "\",\"device\":\"vlan.eth.3\",\"pod\":\"ns/" pod                \
	"\",\"uid\":\"u\",\"mode\":\"standard\",\"addresses\":[" addresses                         \
	"],\"dns\":{\"udp\":" udp ",\"tcp\":" tcp ",\"reason\":\"because\"}}"
#define STRICT(pod, device, addresses)                                                             \
	"{\"interface\":\"vlan" pod "\",\"device\":\"" device "\",\"pod\":\"ns/" pod               \
	"\",\"mode\":\"strict\",\"addresses\":[" addresses                                         \
	"],\"dns\":{\"udp\":true,\"tcp\":true,\"reason\":\"\"}}"

struct place {
	char directory[64];
	char path[80];
	struct branches *branches;
	struct error err;
	unsigned skipped;
};

static int open_place(void **state)
{
	static struct place place;

	place = (struct place){.directory = "/tmp/podsg-dns-branches-XXXXXX"};
	if (!mkdtemp(place.directory))
		return -1;
	(void)snprintf(place.path, sizeof(place.path), "%s/branches.json", place.directory);
	*state = &place;
	return 0;
}

static int close_place(void **state)
{
	struct place *place = *state;

	branches_free(place->branches);
	(void)unlink(place->path);
	return rmdir(place->directory);
}

static void put(const struct place *place, const char *text)
{
	FILE *file = fopen(place->path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

/* As the daemon does: the new table beside the old one, which goes afterwards. */
static int load(struct place *place, const char *text)
{
	struct branches *fresh = NULL;

	place->err = (struct error){0};
	put(place, text);
	int r = branches_load(place->path, place->branches, &fresh, &place->skipped, &place->err);
	if (r == 0) {
		branches_free(place->branches);
		place->branches = fresh;
	}
	return r;
}

static const struct branch_client *find(const struct place *place, const char *text)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return branches_find(place->branches, (const struct sockaddr *)&four);
	assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
	return branches_find(place->branches, (const struct sockaddr *)&six);
}

static void a_pod_is_found_by_each_of_its_addresses(void **state)
{
	struct place *place = *state;

	assert_int_equal(load(place, FILE_OF(STANDARD("a", "\"10.0.0.5\",\"2001:db8::5\"", "true",
	                                              "false"))),
	                 0);
	const struct branch_client *four = find(place, "10.0.0.5");
	const struct branch_client *six = find(place, "2001:db8::5");
	assert_non_null(four);
	assert_non_null(six);
	assert_true(four->udp);
	assert_false(four->tcp);
	assert_false(four->strict);
	assert_string_equal(four->pod, "ns/a");
	assert_string_equal(six->reason, "because");
	assert_ptr_equal(four->refused, six->refused);
	assert_int_equal(branches_generation(place->branches), 7);
	assert_int_equal(branches_client_count(place->branches), 2);
}

static void an_ipv4_client_of_an_ipv6_socket_is_the_same_client(void **state)
{
	struct place *place = *state;

	assert_int_equal(load(place, FILE_OF(STANDARD("a", "\"10.0.0.5\"", "true", "true"))), 0);
	assert_non_null(find(place, "::ffff:10.0.0.5"));
	assert_null(find(place, "::10.0.0.5"));
}

static void any_other_address_is_nobodys_branch(void **state)
{
	const struct sockaddr local = {.sa_family = AF_UNIX};
	struct place *place = *state;

	assert_int_equal(load(place, FILE_OF(STANDARD("a", "\"10.0.0.5\"", "true", "true"))), 0);
	assert_null(find(place, "10.0.0.6"));
	assert_null(find(place, "2001:db8::5"));
	assert_null(branches_find(place->branches, &local));
	assert_int_equal(load(place, FILE_OF("")), 0);
	assert_null(find(place, "10.0.0.5"));
}

static void strict_interfaces_and_their_devices_are_listed_once_and_sorted(void **state)
{
	struct place *place = *state;
	size_t count = 0;

	assert_int_equal(
		load(place,
	             FILE_OF(STRICT("b", "vlan.eth.2", "\"10.0.0.7\"") "," STRICT(
			     "a", "",
			     "\"10.0.0.6\"") "," STANDARD("c", "\"10.0.0.8\"", "true",
	                                                  "true") "," STRICT("b", "vlan.eth.2",
	                                                                     "\"10.0.0.9\""))),
		0);
	const char *const *strict = branches_strict(place->branches, &count);
	assert_int_equal(count, 3);
	assert_string_equal(strict[0], "vlan.eth.2");
	assert_string_equal(strict[1], "vlana");
	assert_string_equal(strict[2], "vlanb");
	assert_true(find(place, "10.0.0.6")->strict);
}

static void a_pod_goes_on_counting_in_the_next_table(void **state)
{
	struct place *place = *state;

	assert_int_equal(load(place, FILE_OF(STANDARD("a", "\"10.0.0.5\"", "false", "false"))), 0);
	*find(place, "10.0.0.5")->refused += 3;
	assert_int_equal(
		load(place, FILE_OF(STANDARD("b", "\"10.0.0.6\"", "false", "false") "," STANDARD(
				    "a", "\"10.0.0.5\"", "false", "false"))),
		0);
	assert_int_equal(*find(place, "10.0.0.5")->refused, 3);
	assert_int_equal(*find(place, "10.0.0.6")->refused, 0);
	assert_int_equal(load(place, FILE_OF("")), 0);
	assert_int_equal(load(place, FILE_OF(STANDARD("a", "\"10.0.0.5\"", "false", "false"))), 0);
	assert_int_equal(*find(place, "10.0.0.5")->refused, 0);
}

/* The one that lost it is written as permitted nothing. */
static void an_address_that_two_claim_is_its_holders(void **state)
{
	static const char *const files[] = {
		FILE_OF(STANDARD("new", "\"10.0.0.5\"", "true",
	                         "true") "," STANDARD("old", "\"10.0.0.5\"", "false", "false")),
		FILE_OF(STANDARD("old", "\"10.0.0.5\"", "false",
	                         "false") "," STANDARD("new", "\"10.0.0.5\"", "true", "true")),
	};
	struct place *place = *state;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(load(place, files[i]), 0);
		assert_string_equal(find(place, "10.0.0.5")->pod, "ns/new");
		assert_int_equal(branches_client_count(place->branches), 1);
	}
}

static void an_item_that_is_not_understood_is_left_out_and_counted(void **state)
{
	static const char *const items[] = {
		"7",
		"{}",
		"{\"pod\":\"a\",\"interface\":\"x\",\"mode\":\"lax\",\"addresses\":[],\"dns\":{}}",
		"{\"pod\":\"ns/a\",\"interface\":\"x\",\"mode\":\"standard\",\"addresses\":[]}",
		"{\"pod\":\"ns/a\",\"interface\":\"x\",\"mode\":\"strict\",\"addresses\":3}",
		"{\"pod\":\"ns/a\",\"interface\":\"\",\"mode\":\"strict\",\"addresses\":[]}",
		"{\"interface\":\"x\",\"mode\":\"strict\",\"addresses\":[]}",
	};
	struct place *place = *state;
	char text[1024];

	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
		(void)snprintf(text, sizeof(text), FILE_OF("%s,%s"), items[i],
		               STANDARD("b", "\"10.0.0.6\"", "true", "true"));
		assert_int_equal(load(place, text), 0);
		assert_int_equal(place->skipped, 1);
		assert_non_null(find(place, "10.0.0.6"));
	}
}

/* The names go into the text of rules. */
static void a_name_that_would_break_a_rule_is_no_interface(void **state)
{
	static const char *const names[] = {"a b", "vlan*", "x;flush", "..\\\"",
	                                    "sixteen-bytes-xx"};
	struct place *place = *state;
	char text[512];
	size_t count = 1;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(text, sizeof(text),
		               FILE_OF("{\"pod\":\"ns/a\",\"interface\":\"%s\",\"mode\":\"strict\","
		                       "\"addresses\":[\"10.0.0.5\"]}"),
		               names[i]);
		assert_int_equal(load(place, text), 0);
		assert_int_equal(place->skipped, 1);
		(void)branches_strict(place->branches, &count);
		assert_int_equal(count, 0);
	}
}

static void an_absent_file_is_told_apart_from_a_broken_one(void **state)
{
	struct place *place = *state;

	assert_int_equal(branches_load(place->path, NULL, &place->branches, NULL, &place->err),
	                 -ENOENT);
	assert_int_equal(load(place, "{\"version\":1,\"branches\":["), -EBADMSG);
	assert_non_null(strstr(place->err.text, "branches.json"));
}

static void a_broken_file_changes_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		"{\"version\":1}",
		"{\"branches\":[]}",
		"{\"version\":2,\"branches\":[]}",
		"{\"version\":\"1\",\"branches\":[]}",
		"{\"version\":1,\"branches\":{}}",
		"{\"version\":1,\"branches\":[]}x",
	};
	struct place *place = *state;

	assert_int_equal(load(place, FILE_OF(STANDARD("a", "\"10.0.0.5\"", "true", "true"))), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(load(place, texts[i]), -EBADMSG);
		assert_true(place->err.text[0] != '\0');
		assert_non_null(find(place, "10.0.0.5"));
	}
}

#define SERVERS(list) "{\"version\":1,\"dnsServers\":[" list "],\"branches\":[]}"
#define SERVER(address, udp, tcp) "{\"address\":\"" address "\",\"udp\":" udp ",\"tcp\":" tcp "}"

/* "10.0.0.53 53 53, fd00::53 5353 53" */
static const char *servers_of(const struct place *place)
{
	static char text[256];
	char address[PREFIX_TEXT_MAX];
	size_t count = 0;
	const struct cluster_server *servers = branches_servers(place->branches, &count);

	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(text);
		(void)snprintf(text + used, sizeof(text) - used, "%s%s %u %u", i ? ", " : "",
		               prefix_text(&servers[i].address, address), servers[i].udp_port,
		               servers[i].tcp_port);
	}
	return text;
}

static void the_clusters_servers_are_read_with_their_ports(void **state)
{
	static const struct {
		const char *text, *servers;
		unsigned skipped;
	} rows[] = {
		{SERVERS(SERVER("10.0.0.53", "53", "53") "," SERVER("fd00::53", "5353", "65535")),
	         "10.0.0.53 53 53, fd00::53 5353 65535", 0},
		{SERVERS(""), "", 0},
		{FILE_OF(""), "", 0}, /* as nft-sync wrote it that did not know */
		{SERVERS("7," SERVER("10.0.0.1", "1", "1") ",{}"), "10.0.0.1 1 1", 2},
		{SERVERS(SERVER("10.0.0.0/8", "53", "53") "," SERVER("dns", "53", "53")), "", 2},
		{SERVERS(SERVER("10.0.0.1", "0", "53") "," SERVER("10.0.0.1", "53", "65536")), "",
	         2},
		{SERVERS(SERVER("10.0.0.1", "\"53\"", "53") "," SERVER("10.0.0.1", "-1", "1e9")),
	         "", 2},
		{SERVERS("{\"address\":\"10.0.0.1\",\"udp\":53}"), "", 1},
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(load(place, rows[i].text), 0);
		assert_string_equal(servers_of(place), rows[i].servers);
		assert_int_equal(place->skipped, rows[i].skipped);
	}
	assert_int_equal(load(place, "{\"version\":1,\"dnsServers\":7,\"branches\":[]}"), -EBADMSG);
}

static void servers_beyond_the_limit_are_left_out(void **state)
{
	struct place *place = *state;
	char *text = NULL;
	size_t length = 0;
	size_t count = 0;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	(void)fputs("{\"version\":1,\"branches\":[],\"dnsServers\":[", file);
	for (unsigned i = 0; i <= DNS_SERVERS_MAX; i++)
		(void)fprintf(file, "%s" SERVER("10.0.%u.%u", "53", "53"), i ? "," : "", i / 256,
		              i % 256);
	(void)fputs("]}", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(load(place, text), 0);
	free(text);
	(void)branches_servers(place->branches, &count);
	assert_int_equal(count, DNS_SERVERS_MAX);
}

static char *many_branches(unsigned count)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	(void)fputs("{\"branches\":[", file);
	for (unsigned i = 0; i < count; i++)
		(void)fprintf(file,
		              "%s{\"interface\":\"eni%u\",\"pod\":\"ns/p%u\",\"mode\":\"standard\","
		              "\"addresses\":[\"10.%u.%u.%u\"],\"dns\":{\"udp\":%s,\"tcp\":true}}",
		              i ? "," : "", i, i, 1 + i / 65536, i / 256 % 256, i % 256,
		              i % 3 ? "true" : "false");
	(void)fputs("],\"version\":1}", file);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void as_many_branches_as_allowed_are_all_found(void **state)
{
	struct place *place = *state;
	char *text = many_branches(DNS_BRANCHES_MAX);
	char address[32];

	assert_int_equal(load(place, text), 0);
	free(text);
	for (unsigned i = 0; i < DNS_BRANCHES_MAX; i++) {
		(void)snprintf(address, sizeof(address), "10.%u.%u.%u", 1 + i / 65536,
		               i / 256 % 256, i % 256);
		const struct branch_client *client = find(place, address);
		assert_non_null(client);
		assert_int_equal(client->udp, i % 3 != 0);
	}
	assert_null(find(place, "10.1.255.255"));
}

static void one_branch_more_is_refused_whole(void **state)
{
	struct place *place = *state;
	char *text = many_branches(DNS_BRANCHES_MAX + 1);

	assert_int_equal(load(place, text), -E2BIG);
	assert_null(place->branches);
	free(text);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(a_pod_is_found_by_each_of_its_addresses),
		IN_PLACE(an_ipv4_client_of_an_ipv6_socket_is_the_same_client),
		IN_PLACE(any_other_address_is_nobodys_branch),
		IN_PLACE(strict_interfaces_and_their_devices_are_listed_once_and_sorted),
		IN_PLACE(a_pod_goes_on_counting_in_the_next_table),
		IN_PLACE(an_address_that_two_claim_is_its_holders),
		IN_PLACE(an_item_that_is_not_understood_is_left_out_and_counted),
		IN_PLACE(a_name_that_would_break_a_rule_is_no_interface),
		IN_PLACE(an_absent_file_is_told_apart_from_a_broken_one),
		IN_PLACE(a_broken_file_changes_nothing),
		IN_PLACE(the_clusters_servers_are_read_with_their_ports),
		IN_PLACE(servers_beyond_the_limit_are_left_out),
		IN_PLACE(as_many_branches_as_allowed_are_all_found),
		IN_PLACE(one_branch_more_is_refused_whole),
	};

	return cmocka_run_group_tests_name("dns_branches", tests, NULL, NULL);
}
