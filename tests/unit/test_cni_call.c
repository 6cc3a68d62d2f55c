/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <cjson/cJSON.h>

#include "common/buffer.h"
#include "hooks/cni/cni_call.h"
#include "hooks/cni/cni_collect.h"

static void put(const char *name, const char *value)
{
	assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static struct cni_call call_with(const char *arguments)
{
	struct cni_call call;
	put("CNI_ARGS", arguments);
	cni_call_environment(&call);
	return call;
}

static void arguments_name_the_pod(void **state)
{
	static const struct {
		const char *arguments, *namespace, *pod, *uid;
	} cases[] = {
		{NULL, "", "", ""},
		{"", "", "", ""},
		{";;=;a", "", "", ""},
		{"IgnoreUnknown=1;K8S_POD_NAMESPACE=a;K8S_POD_NAME=web-0;K8S_POD_UID=u", "a",
	         "web-0", "u"},
		{"K8S_POD_NAME=p", "", "", ""},
		{"K8S_POD_NAMESPACE=a;K8S_POD_UID=u", "", "", ""},
		{"K8S_POD_NAME=", "", "", ""},
		{"K8S_POD_NAME", "", "", ""},
		{"K8S_POD_NAMES=x;K8S_POD_NAMESPACE=a;K8S_POD_NAME=p;", "a", "p", ""},
		{"K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_UID=a=b", "a", "b", "a=b"},
		{"K8S_POD_INFRA_CONTAINER_ID=x", "", "", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cni_call call = call_with(cases[i].arguments);
		assert_string_equal(call.namespace, cases[i].namespace);
		assert_string_equal(call.pod, cases[i].pod);
		assert_string_equal(call.uid, cases[i].uid);
		assert_string_equal(call.unusable, "");
	}
}

static void arguments_have_an_end(void **state)
{
	static const struct {
		const char *name;
		size_t max;
	} cases[] = {{"K8S_POD_NAMESPACE", 63}, {"K8S_POD_NAME", 253}, {"K8S_POD_UID", 63}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t length = cases[i].max; length <= cases[i].max + 1; length++) {
			struct buffer text = {.max = 1000};
			buffer_add_format(
				&text, "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_UID=c;%s=%0*d",
				cases[i].name, (int)length, 0);
			struct cni_call call = call_with(text.text);
			assert_string_equal(call.unusable,
			                    length > cases[i].max ? cases[i].name : "");
			assert_int_equal(strlen(call.namespace) + strlen(call.pod) +
			                         strlen(call.uid),
			                 length > cases[i].max ? 3 : length + 2);
			buffer_done(&text);
		}
	}
}

static void arguments_are_names(void **state)
{
	static const struct {
		const char *arguments, *unusable;
	} cases[] = {
		{"K8S_POD_NAMESPACE=a;K8S_POD_NAME=B_~ b;K8S_POD_UID=/", ""},
		{"K8S_POD_NAMESPACE=a;K8S_POD_NAME=b\x01", "K8S_POD_NAME"},
		{"K8S_POD_NAMESPACE=\na;K8S_POD_NAME=\x01", "K8S_POD_NAMESPACE"},
		{"K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_UID=\x7f", "K8S_POD_UID"},
		{"K8S_POD_NAMESPACE=a;K8S_POD_NAME=\xc3\xa9", "K8S_POD_NAME"},
		{"K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;OTHER=\x01", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cni_call call = call_with(cases[i].arguments);
		assert_string_equal(call.unusable, cases[i].unusable);
	}
}

static void every_command_says_what_it_needs(void **state)
{
	static const struct {
		const char *command, *sandbox, *netns, *ifname, *wrong;
	} cases[] = {
		{"ADD", "s", "n", "i", NULL},
		{"ADD", NULL, "n", "i", "CNI_CONTAINERID"},
		{"ADD", "s", "", "i", "CNI_NETNS"},
		{"ADD", "s", "n", NULL, "CNI_IFNAME"},
		{"DEL", "s", NULL, "i", NULL},
		{"DEL", "", NULL, "i", "CNI_CONTAINERID"},
		{"DEL", "s", NULL, NULL, "CNI_IFNAME"},
		{"CHECK", "s", NULL, "i", "CNI_NETNS"},
		{"STATUS", NULL, NULL, NULL, NULL},
		{"GC", NULL, NULL, NULL, NULL},
		{"VERSION", NULL, NULL, NULL, NULL},
		{"ADD", "../s", "n", "i", "CNI_CONTAINERID"},
		{"ADD", "s", "n", "i/", "CNI_IFNAME"},
		{"ADD", "s", "\t", "i", "CNI_NETNS"},
		{"CHECK", "s", "n", "\t", "CNI_IFNAME"},
		{"DEL", "-", "\t", "\t", NULL},
	};
	(void)state;
	put("CNI_ARGS", NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cni_call call;
		struct cni_failure failure = {0};
		put("CNI_COMMAND", cases[i].command);
		put("CNI_CONTAINERID", cases[i].sandbox);
		put("CNI_NETNS", cases[i].netns);
		put("CNI_IFNAME", cases[i].ifname);
		cni_call_environment(&call);
		assert_int_equal(cni_call_check(&call, &failure),
		                 cases[i].wrong ? CNI_INVALID_ENVIRONMENT : CNI_OK);
		if (cases[i].wrong)
			assert_non_null(strstr(failure.message, cases[i].wrong));
	}
}

static enum cni_code parse(struct cni_call *call, const char *text)
{
	struct cni_failure failure = {0};
	*call = (struct cni_call){0};
	return cni_call_parse(call, text, strlen(text), &failure);
}

static void assert_slice(const struct json_slice *slice, const char *text)
{
	if (!text) {
		assert_null(slice->text);
		return;
	}
	assert_int_equal(slice->length, strlen(text));
	assert_memory_equal(slice->text, text, slice->length);
}

static void the_configuration_is_read(void **state)
{
	static const struct {
		const char *text;
		enum cni_code code;
		const char *version, *config, *previous, *valid;
	} cases[] = {
		{"{\"cniVersion\":\"1.0.0\"}", CNI_OK, "1.0.0", "", NULL, NULL},
		{"{\"cniVersion\":\"0.3.1\",\"prevResult\":null}", CNI_OK, "0.3.1", "", NULL, NULL},
		{" {\"cniVersion\":\"0.4.0\",\"prevResult\": {\"a\" :1} }\n", CNI_OK, "0.4.0", "",
	         "{\"a\" :1}", NULL},
		{"{\"cniVersion\":\"1.1.0\",\"config\":\"\\/x\\u0041\",\"x\":{\"config\":1}}",
	         CNI_OK, "1.1.0", "/xA", NULL, NULL},
		{"{\"cni.dev/attachments\":[1],\"cniVersion\":\"1.1.0\"}", CNI_OK, "1.1.0", "",
	         NULL, "[1]"},
		{"{\"cni.dev/valid-attachments\":[2],\"cniVersion\":\"1.1.0\"}", CNI_OK, "1.1.0",
	         "", NULL, "[2]"},
		{"{\"config\":[\"x\"],\"cniVersion\":\"1.1.0\"}", CNI_INVALID_CONFIG, "1.1.0", "",
	         NULL, NULL},
		{"{\"config\":\"\",\"cniVersion\":\"1.1.0\"}", CNI_INVALID_CONFIG, "1.1.0", "",
	         NULL, NULL},
		{"{}", CNI_INCOMPATIBLE_VERSION, "", "", NULL, NULL},
		{"{\"cniVersion\":\"0.3.0\",\"prevResult\":1}", CNI_INCOMPATIBLE_VERSION, "0.3.0",
	         "", "1", NULL},
		{"{\"cniVersion\":\"1.0.0-and-longer-than-any\"}", CNI_INCOMPATIBLE_VERSION, "", "",
	         NULL, NULL},
		{"", CNI_UNDECODABLE, "", "", NULL, NULL},
		{"[]", CNI_UNDECODABLE, "", "", NULL, NULL},
		{"{\"cniVersion\":\"1.0.0\"} {}", CNI_UNDECODABLE, "1.0.0", "", NULL, NULL},
		{"{\"cniVersion\":\"1.0.0\",}", CNI_UNDECODABLE, "1.0.0", "", NULL, NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cni_call call;
		assert_int_equal(parse(&call, cases[i].text), cases[i].code);
		assert_string_equal(call.version, cases[i].version);
		assert_string_equal(call.config, cases[i].config);
		assert_slice(&call.previous, cases[i].previous);
		assert_slice(&call.valid, cases[i].valid);
	}
}

static void attachments_are_names_or_the_list_is_not_believed(void **state)
{
	static const struct {
		const char *text;
		int count; /* -1: refused */
	} cases[] = {
		{"[]", 0},
		{"[{\"containerID\":\"a\",\"ifname\":\"eth0\"}]", 1},
		{"[{\"containerID\":\"a\",\"ifname\":\"e\",\"x\":{}},{\"ifname\":\"f\","
	         "\"containerID\":\"a\"}]",
	         2},
		{"{}", -1},
		{"null", -1},
		{"[1]", -1},
		{"[{\"containerID\":\"a\"}]", -1},
		{"[{\"containerID\":1,\"ifname\":\"e\"}]", -1},
		{"[{\"containerID\":\"../a\",\"ifname\":\"e\"}]", -1},
		{"[{\"containerID\":\"a\",\"ifname\":\"\"}]", -1},
		{"[{\"containerID\":\"a\",\"ifname\":\"e\"},", -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct json_slice list = {.text = cases[i].text,
		                                .length = strlen(cases[i].text)};
		struct vector names = {.item_size = sizeof(struct cni_name)};
		struct error err = {0};
		int r = cni_names_read(&list, &names, &err);
		assert_int_equal(r < 0, cases[i].count < 0);
		assert_int_equal(r < 0, err.text[0] != '\0');
		if (cases[i].count >= 0)
			assert_int_equal(names.count, cases[i].count);
		vector_done(&names);
	}
}

static void a_failure_is_an_object(void **state)
{
	static const char hostile[] = "a\"b\\c\n-\x01";
	struct cni_failure failure = {0};
	struct buffer buffer = {.max = 4096};
	(void)state;
	assert_int_equal(cni_fail(&failure, CNI_TRY_AGAIN, hostile, "%s!", hostile), CNI_TRY_AGAIN);
	cni_failure_print(&failure, "0.4.0", &buffer);
	cJSON *tree = cJSON_Parse(buffer.text);
	assert_non_null(tree);
	assert_string_equal(
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "cniVersion")),
		"0.4.0");
	assert_true(cJSON_GetObjectItemCaseSensitive(tree, "code")->valuedouble == 11);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "msg")),
	                    "a\"b\\c\n-\x01!");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "details")),
	                    hostile);
	cJSON_Delete(tree);
	buffer_done(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_name_the_pod),
		cmocka_unit_test(arguments_have_an_end),
		cmocka_unit_test(arguments_are_names),
		cmocka_unit_test(every_command_says_what_it_needs),
		cmocka_unit_test(the_configuration_is_read),
		cmocka_unit_test(attachments_are_names_or_the_list_is_not_believed),
		cmocka_unit_test(a_failure_is_an_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
