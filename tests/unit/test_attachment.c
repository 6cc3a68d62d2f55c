/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "common/journal.h"
#include "tests/unit/attachments.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_same(const struct attachment *a, const struct attachment *b)
{
	assert_string_equal(a->sandbox, b->sandbox);
	assert_string_equal(a->ifname, b->ifname);
	assert_string_equal(a->boot, b->boot);
	assert_string_equal(a->namespace, b->namespace);
	assert_string_equal(a->pod, b->pod);
	assert_string_equal(a->uid, b->uid);
	assert_string_equal(a->netns, b->netns);
	assert_string_equal(a->interface, b->interface);
	assert_int_equal(a->interface_index, b->interface_index);
	assert_string_equal(a->device, b->device);
	assert_int_equal(a->device_index, b->device_index);
	assert_int_equal(a->vlan, b->vlan);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->address_count, b->address_count);
	for (size_t i = 0; i < a->address_count; i++)
		assert_true(prefix_equal(&a->addresses[i], &b->addresses[i]));
	assert_true(a->created == b->created);
	assert_int_equal(a->state, b->state);
	assert_string_equal(a->left, b->left);
}

static void a_file_says_what_was_seen(void **state)
{
	static const char text[] =
		"{\n\t\"version\":\t1,\n\t\"sandbox\":\t\"" SANDBOX
		"\",\n\t\"ifname\":\t\"eth0\",\n\t\"boot\":\t\"" BOOT
		"\",\n\t\"namespace\":\t\"default\",\n\t\"pod\":\t\"web-0\",\n"
		"\t\"uid\":\t\"7d0f2c9e-1a6b-4a55-a1f7-0d7a7f7b3c11\",\n"
		"\t\"netns\":\t\"/run/netns/cni-1\",\n\t\"interface\":\t\"vlane34aba5891b\",\n"
		"\t\"interfaceIndex\":\t12,\n\t\"device\":\t\"vlan.eth.3\",\n"
		"\t\"deviceIndex\":\t13,\n\t\"vlan\":\t3,\n\t\"mode\":\t\"standard\",\n"
		"\t\"addresses\":\t[\"10.0.0.5\", \"2001:db8::5\"],\n"
		"\t\"created\":\t1790000000123,\n\t\"state\":\t\"ready\"\n}";
	struct attachment expected = example_attachment();
	struct attachment read;
	char *written = NULL;
	(void)state;
	assert_int_equal(attachment_parse("f", text, sizeof(text) - 1, &read, NULL), 0);
	assert_same(&read, &expected);
	assert_int_equal(attachment_text(&expected, &written, NULL), 0);
	assert_string_equal(written, text);
	free(written);
}

static void unknown_keys_are_ignored_and_unknown_facts_left_out(void **state)
{
	static const char text[] = "{\"version\":1,\"sandbox\":\"s\",\"ifname\":\"eth0\","
				   "\"later\":{\"a\":[1,2]},\"vlanid\":7}";
	struct attachment read;
	char *written = NULL;
	(void)state;
	assert_int_equal(attachment_parse("f", text, sizeof(text) - 1, &read, NULL), 0);
	assert_same(&read, &(struct attachment){.sandbox = "s", .ifname = "eth0"});
	assert_int_equal(attachment_text(&read, &written, NULL), 0);
	assert_string_equal(written, "{\n\t\"version\":\t1,\n\t\"sandbox\":\t\"s\",\n"
	                             "\t\"ifname\":\t\"eth0\",\n\t\"mode\":\t\"strict\",\n"
	                             "\t\"state\":\t\"adding\"\n}");
	free(written);
}

#define HEAD "{\"version\":1,\n\"sandbox\":\"s\",\"ifname\":\"eth0\",\n"
#define NINE                                                                                       \
	"[\"10.0.0.1\",\"10.0.0.2\",\"10.0.0.3\",\"10.0.0.4\",\"10.0.0.5\","                       \
	"\"10.0.0.6\",\"10.0.0.7\",\"10.0.0.8\",\"10.0.0.9\"]"

static void a_file_is_refused_with_line_key_value_and_rule(void **state)
{
	static const struct {
		const char *text;
		const char *said;
	} rows[] = {
		{"", "f:1: not JSON, truncated: a value is expected"},
		{"[]", "f: expected an object"},
		{"{\"version\":1", "f:1: not JSON, truncated"},
		{HEAD "\"vlan\":3} x", "f:3: not JSON: "},
		{"{}", "f:1: version: expected 1"},
		{"{\"version\":2,\"sandbox\":\"s\",\"ifname\":\"e\"}", "f:1: version: expected 1"},
		{"{\"version\":1,\"ifname\":\"e\"}", "f:1: sandbox: expected letters"},
		{"{\"version\":1,\"sandbox\":\"s\"}", "f:1: ifname: expected an interface name"},
		{"{\"version\":1,\n\"sandbox\":\"a/b\",\"ifname\":\"e\"}",
	         "f:2: sandbox: \"a/b\": expected letters"},
		{"{\"version\":1,\"sandbox\":\"s\",\n\n\"ifname\":\"a:b\"}",
	         "f:3: ifname: \"a:b\": expected an interface name"},
		{HEAD "\"interface\":\"sixteen-letters!\"}",
	         "f:3: interface: \"sixteen-letters!\": expected an interface name of at most 15 "
	         "characters"},
		{HEAD "\"interface\":\"..\"}", "f:3: interface: \"..\": expected"},
		{HEAD "\"pod\":\"a\\u0007\"}", "f:3: pod: \"a\\x07\": expected text"},
		{HEAD "\"pod\":7}", "f:3: pod: expected text of at most 253 characters"},
		{HEAD "\"boot\":\"Z\"}", "f:3: boot: \"Z\": expected a boot id"},
		{HEAD "\"interfaceIndex\":-1}",
	         "f:3: interfaceIndex: expected a whole number, 0 to 2147483647"},
		{HEAD "\"interfaceIndex\":2147483648}", "f:3: interfaceIndex: "},
		{HEAD "\"interfaceIndex\":1e999}", "f:3: interfaceIndex: "},
		{HEAD "\"vlan\":4095}", "f:3: vlan: expected a whole number, 0 to 4094"},
		{HEAD "\"vlan\":1.5}", "f:3: vlan: "},
		{HEAD "\"vlan\":\"3\"}", "f:3: vlan: \"3\": expected a whole number"},
		{HEAD "\"created\":9007199254740993}", "f:3: created: expected a whole number"},
		{HEAD "\"mode\":\"lax\"}", "f:3: mode: \"lax\": expected strict or standard"},
		{HEAD "\"state\":\"\"}", "f:3: state: \"\": expected adding, ready"},
		{HEAD "\"state\":null}", "f:3: state: expected adding, ready"},
		{HEAD "\"addresses\":\"10.0.0.1\"}",
	         "f:3: addresses: \"10.0.0.1\": expected a list"},
		{HEAD "\"addresses\":[\"10.0.0.0/24\"]}", "f:3: addresses: \"10.0.0.0/24\": "},
		{HEAD "\"addresses\":[7]}", "f:3: addresses: expected a list of at most 8"},
		{HEAD "\"addresses\":" NINE "}", "f:3: addresses: \"10.0.0.9\": expected a list"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attachment read = {.vlan = 77};
		struct error err = {0};
		assert_int_equal(
			attachment_parse("f", rows[i].text, strlen(rows[i].text), &read, &err),
			-EBADMSG);
		assert_int_equal(err.code, -EBADMSG);
		if (!strstr(err.text, rows[i].said))
			fail_msg("%s: \"%s\" is not in \"%s\"", rows[i].text, rows[i].said,
			         err.text);
		assert_int_equal(read.vlan, 77);
	}
}

static void names_that_a_runtime_may_not_give_are_refused(void **state)
{
	char longest[JOURNAL_SANDBOX_MAX + 2];
	memset(longest, 'a', sizeof(longest));
	longest[JOURNAL_SANDBOX_MAX + 1] = '\0';
	const struct {
		const char *sandbox;
		const char *ifname;
		int code;
	} rows[] = {
		{"a", "eth0", 0},
		{"0.a_b-C", "net1.7", 0},
		{longest + 1, "fifteen-letters", 0},
		{longest, "eth0", -ENAMETOOLONG},
		{"a", "sixteen-letters!", -ENAMETOOLONG},
		{"", "eth0", -EINVAL},
		{".", "eth0", -EINVAL},
		{"..", "eth0", -EINVAL},
		{"-a", "eth0", -EINVAL},
		{"a/../b", "eth0", -EINVAL},
		{"a:b", "eth0", -EINVAL},
		{"a b", "eth0", -EINVAL},
		{"\xc3\xa4", "eth0", -EINVAL},
		{"a", "", -EINVAL},
		{"a", ".", -EINVAL},
		{"a", "..", -EINVAL},
		{"a", "a/b", -EINVAL},
		{"a", "a:b", -EINVAL},
		{"a", "a b", -EINVAL},
		{"a", "a\n", -EINVAL},
		{"a", "\xc3\xa0", -EINVAL}, /* its second byte is a space to the kernel */
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error err = {0};
		assert_int_equal(attachment_check_name(rows[i].sandbox, rows[i].ifname, &err),
		                 rows[i].code);
		assert_int_equal(err.code, rows[i].code);
	}
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void fill(uint32_t *seed, const char *letters, char *ret, size_t size)
{
	size_t length = next(seed) % size;
	for (size_t i = 0; i < length; i++)
		ret[i] = letters[next(seed) % strlen(letters)];
	ret[length] = '\0';
}

static struct attachment random_attachment(uint32_t *seed)
{
	static const char letters[] = "abcXYZ019._-";
	static const char more[] = "aZ0 \"\\/:{}[],%'\xc3\xa4\xe2\x82\xac";
	struct attachment a = {0};
	fill(seed, letters, a.sandbox + 1, sizeof(a.sandbox) - 1);
	a.sandbox[0] = 'a';
	fill(seed, letters, a.ifname + 1, sizeof(a.ifname) - 1);
	a.ifname[0] = 'e';
	fill(seed, "0123456789abcdef-", a.boot, sizeof(a.boot));
	fill(seed, more, a.namespace, sizeof(a.namespace));
	fill(seed, more, a.pod, sizeof(a.pod));
	fill(seed, more, a.uid, sizeof(a.uid));
	fill(seed, more, a.netns, sizeof(a.netns));
	fill(seed, "abc019_-%\"\\", a.interface, sizeof(a.interface));
	fill(seed, "abc019_-", a.device, sizeof(a.device));
	fill(seed, "aZ0 \"\\/:", a.left, sizeof(a.left));
	a.interface_index = next(seed);
	a.device_index = next(seed) % 2 ? next(seed) : 2147483647;
	a.vlan = next(seed) % 4095;
	a.mode = next(seed) % 2 ? MODE_STRICT : MODE_STANDARD;
	a.state = (enum attachment_state)(next(seed) % 4);
	a.created = (int64_t)next(seed) << (next(seed) % 30);
	a.address_count = next(seed) % (ATTACHMENT_ADDRESSES_MAX + 1);
	for (size_t i = 0; i < a.address_count; i++) {
		bool is_v4 = next(seed) % 2;
		a.addresses[i] = (struct prefix){.family = is_v4 ? AF_INET : AF_INET6,
		                                 .length = is_v4 ? 32 : 128};
		for (size_t j = 0; j < (is_v4 ? 4 : 16); j++)
			a.addresses[i].address[j] = (uint8_t)next(seed);
	}
	return a;
}

static void what_was_written_is_read_again(void **state)
{
	const char *given = getenv("PODSG_SEED");
	uint32_t seed = given ? (uint32_t)strtoul(given, NULL, 10) : (uint32_t)time(NULL);
	(void)state;
	print_message("# PODSG_SEED=%u\n", seed);
	for (int i = 0; i < 2000; i++) {
		struct attachment attachment = random_attachment(&seed);
		struct attachment read = {0};
		struct error err = {0};
		char *text = NULL;
		if (attachment_text(&attachment, &text, &err) < 0 ||
		    attachment_parse("f", text, strlen(text), &read, &err) < 0)
			fail_msg("%s", err.text);
		assert_true(strlen(text) <= JOURNAL_FILE_MAX);
		assert_same(&read, &attachment);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_says_what_was_seen),
		cmocka_unit_test(unknown_keys_are_ignored_and_unknown_facts_left_out),
		cmocka_unit_test(a_file_is_refused_with_line_key_value_and_rule),
		cmocka_unit_test(names_that_a_runtime_may_not_give_are_refused),
		cmocka_unit_test(what_was_written_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
