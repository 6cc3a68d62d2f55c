/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/buffer.h"
#include "hooks/cni/cni_sight.h"

#define AWS_STRICT                                                                                 \
	"{\"cniVersion\":\"0.4.0\",\"interfaces\":[{\"name\":\"vlanc440f455693\"},"                \
	"{\"name\":\"eth0\",\"sandbox\":\"/run/netns/x\",\"mac\":\"0\"},"                          \
	"{\"name\":\"dummyc440f455693\",\"mac\":\"7\"}],\"ips\":[{\"version\":\"4\","              \
	"\"interface\":1,\"address\":\"10.0.1.5/32\",\"gateway\":\"10.0.1.1\"}],\"dns\":{}}"
#define AWS_STANDARD_WITH_EGRESS                                                                   \
	"{\"interfaces\":[{\"name\":\"enic440f455693\"},{\"name\":\"eth0\",\"sandbox\":\"/n\","    \
	"\"mac\":\"0\"},{\"name\":\"dummyc440f455693\",\"mac\":\"120\"},{\"name\":\"vethegress\"," \
	"\"mac\":\"0a:00:00:00:00:01\"},{\"name\":\"v6if0\",\"sandbox\":\"/n\"}],\"ips\":["        \
	"{\"interface\":1,\"address\":\"10.0.1.5/32\"},{\"interface\":4,\"address\":"              \
	"\"fd00::ac:5/118\"}]}"
#define AWS_ORDINARY                                                                               \
	"{\"interfaces\":[{\"name\":\"enic440f455693\"},{\"name\":\"eth0\",\"sandbox\":\"/n\","    \
	"\"mac\":\"2\"},{\"name\":\"dummyc440f455693\",\"mac\":\"0\",\"sandbox\":\"1\"}],"         \
	"\"ips\":[{\"interface\":1,\"address\":\"2001:db8::5/128\"}]}"
#define CALICO                                                                                     \
	"{\"interfaces\":[{\"name\":\"cali12345678901\"}],"                                        \
	"\"ips\":[{\"address\":\"10.9.0.4/32\"},{\"address\":\"2001:db8::4/128\"}]}"
#define REAL_DUMMY                                                                                 \
	"{\"interfaces\":[{\"name\":\"dummy0\",\"mac\":\"0a:00:00:00:00:01\"},{\"name\":"          \
	"\"veth1\"}"                                                                               \
	"],\"ips\":[{\"interface\":0,\"address\":\"10.9.0.4/32\"},{\"interface\":7,\"address\":"   \
	"\"10.9.0.5/32\"}]}"

static struct json_slice slice_of(const char *text)
{
	return (struct json_slice){.text = text, .length = strlen(text)};
}

static void attachments_follow_from_results(void **state)
{
	static const struct {
		const char *text, *interface, *device;
		unsigned vlan;
		enum mode mode;
		const char *addresses[3];
	} cases[] = {
		{AWS_STRICT, "vlanc440f455693", "vlan.eth.7", 7, MODE_STRICT, {"10.0.1.5"}},
		{AWS_STANDARD_WITH_EGRESS,
	         "enic440f455693",
	         "vlan.eth.120",
	         120,
	         MODE_STANDARD,
	         {"10.0.1.5"}},
		{AWS_ORDINARY, "enic440f455693", "", 0, MODE_STANDARD, {"2001:db8::5"}},
		{CALICO, "cali12345678901", "", 0, MODE_STANDARD, {"10.9.0.4", "2001:db8::4"}},
		{REAL_DUMMY, "dummy0", "", 0, MODE_STANDARD, {NULL}},
		{"{}", "", "", 0, MODE_STANDARD, {NULL}},
		{"{\"interfaces\":null,\"ips\":null}", "", "", 0, MODE_STANDARD, {NULL}},
	};
	const struct cni_call call = {.sandbox = "s", .ifname = "eth0", .netns = ""};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct json_slice slice = slice_of(cases[i].text);
		struct cni_result result;
		struct attachment attachment;
		struct error err = {0};
		size_t count = 0;
		assert_int_equal(cni_result_read(&slice, &result, &err), 0);
		assert_int_equal(cni_sight_recall(&call, &result, &attachment, &err), 0);
		assert_string_equal(attachment.interface, cases[i].interface);
		assert_string_equal(attachment.device, cases[i].device);
		assert_int_equal(attachment.vlan, cases[i].vlan);
		assert_int_equal(attachment.mode, cases[i].mode);
		assert_int_equal(attachment.interface_index, 0);
		for (; cases[i].addresses[count]; count++) {
			char text[PREFIX_TEXT_MAX];
			assert_true(count < attachment.address_count);
			assert_string_equal(prefix_text(&attachment.addresses[count], text),
			                    cases[i].addresses[count]);
		}
		assert_int_equal(attachment.address_count, count);
	}
}

static void what_is_no_result_is_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"[]", -EBADMSG},
		{"1", -EBADMSG},
		{"{\"interfaces\":{}}", -EBADMSG},
		{"{\"interfaces\":[1]}", -EBADMSG},
		{"{\"ips\":\"10.0.0.1\"}", -EBADMSG},
		{"{\"ips\":[{}]}", -EBADMSG},
		{"{\"ips\":[{\"address\":\"10.0.0.256/32\"}]}", -EBADMSG},
		{"{\"ips\":[{\"address\":\"\"}]}", -EBADMSG},
		{"{\"ips\":[{\"address\":1}]}", -EBADMSG},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct json_slice slice = slice_of(cases[i].text);
		struct cni_result result;
		struct error err = {0};
		assert_int_equal(cni_result_read(&slice, &result, &err), cases[i].code);
		assert_string_not_equal(err.text, "");
	}
}

static void markers_hold_the_id_of_a_vlan(void **state)
{
	static const struct {
		const char *name, *mac;
		unsigned vlan;
	} cases[] = {
		{"dummy0123456789a", "1", 1},
		{"dummy0123456789a", "4094", 4094},
		{"dummy0123456789a", "4095", 0},
		{"dummy0123456789a", "99999999999999999999999", 0},
		{"dummy0123456789a", "", 0},
		{"dummy0123456789a", "-1", 0},
		{"dummy0123456789a", "3x", 0},
		{"dumm", "3", 0},
		{"eth0", "3", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer text = {.max = 200};
		struct cni_result result;
		buffer_add_format(&text, "{\"interfaces\":[{\"name\":\"%s\",\"mac\":\"%s\"}]}",
		                  cases[i].name, cases[i].mac);
		const struct json_slice slice = slice_of(text.text);
		assert_int_equal(cni_result_read(&slice, &result, NULL), 0);
		assert_int_equal(cni_result_vlan(&result), cases[i].vlan);
		buffer_done(&text);
	}
}

static void lists_have_an_end(void **state)
{
	static const struct {
		const char *key, *item;
	} lists[] = {{"interfaces", "{\"name\":\"a\"}"}, {"ips", "{\"address\":\"10.0.0.1/8\"}"}};
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (int count = 64; count <= 65; count++) {
			struct buffer text = {.max = 10000};
			struct cni_result result;
			buffer_add_format(&text, "{\"%s\":[%s", lists[i].key, lists[i].item);
			for (int item = 1; item < count; item++)
				buffer_add_format(&text, ",%s", lists[i].item);
			buffer_add_text(&text, "]}");
			const struct json_slice slice = slice_of(text.text);
			assert_int_equal(cni_result_read(&slice, &result, NULL),
			                 count > 64 ? -E2BIG : 0);
			buffer_done(&text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attachments_follow_from_results),
		cmocka_unit_test(what_is_no_result_is_refused),
		cmocka_unit_test(markers_hold_the_id_of_a_vlan),
		cmocka_unit_test(lists_have_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
