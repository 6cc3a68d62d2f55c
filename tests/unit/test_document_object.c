/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nft-sync/source/document_same.h"
#include "tests/unit/documents.h"
#include "tests/unit/random_world.h"

static struct document *load_object(const char *api_version, const char *kind, const char *text)
{
	struct document *document = NULL;
	struct error err = {0};

	if (document_parse_object("kubernetes/x", api_version, kind, text, strlen(text), &document,
	                          &err) < 0)
		fail_msg("%s", err.text);
	return document;
}

static void an_object_that_does_not_say_what_it_is_is_what_its_list_is_of(void **state)
{
	struct document *document =
		load_object("v1", "Pod", "{\"metadata\":{\"name\":\"a\",\"namespace\":\"x\"}}");

	(void)state;
	assert_int_equal(document->pod_count, 1);
	assert_string_equal(document->pods[0].namespace, "x");
	document_free(document);
	document = load_object("vpcresources.k8s.aws/v1beta1", "SecurityGroupPolicy",
	                       "{\"metadata\":{\"name\":\"a\"},\"spec\":{}}");
	assert_int_equal(document->policy_count, 1);
	document_free(document);
}

static void what_an_object_says_itself_counts(void **state)
{
	struct document *document =
		load_object("v1", "Pod", "{\"kind\":\"Node\",\"metadata\":{\"name\":\"a\"}}");

	(void)state;
	assert_int_equal(document->pod_count, 0);
	assert_int_equal(document->node_count, 1);
	document_free(document);
}

static void errors_name_the_object_and_what_is_wrong_with_it(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *message;
	} cases[] = {
		{"{}", -EINVAL, "kubernetes/x:1: metadata: is missing"},
		{"{\"metadata\":{\"name\":\"a\"},\"status\":{\"podIP\":\"1.2\"}}", -EINVAL,
	         "kubernetes/x:1: status.podIP: \"1.2\": expected an IPv4 or IPv6 address"},
		{"{\"metadata\":{\"name\":\"a\"},\"spec\":[", -EBADMSG,
	         "kubernetes/x:1: not JSON, truncated: a value is expected"},
		{"[]", -EBADMSG, "kubernetes/x:1: not JSON: an object is expected"},
		{"{\"metadata\":{\"name\":\"a\",\"annotations\":{\"vpc.amazonaws.com/pod-eni\":"
	         "\"[]\"}}}",
	         -EINVAL,
	         "kubernetes/x:1: metadata.annotations.vpc.amazonaws.com/pod-eni: \"[]\": expected "
	         "an array in JSON of at least one ENI"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct document *document = NULL;
		struct error err = {0};
		int ret = document_parse_object("kubernetes/x", "v1", "Pod", cases[i].text,
		                                strlen(cases[i].text), &document, &err);

		assert_string_equal(err.text, cases[i].message);
		assert_int_equal(ret, cases[i].code);
	}
}

/*
 * Of JSON only the members that are read become trees, of YAML everything does; and YAML is a
 * superset of JSON. So the same text, read as either, says the same.
 */
#define PODS 2000

struct writer {
	char text[1U << 15];
	size_t used;
};

static void __attribute__((format(printf, 2, 3)))
add(struct writer *writer, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(writer->text + writer->used, sizeof(writer->text) - writer->used, format,
	                   arguments);
	va_end(arguments);
	assert_true(length >= 0 && (size_t)length < sizeof(writer->text) - writer->used);
	writer->used += (size_t)length;
}

static bool chance(unsigned percent)
{
	return (unsigned)rand() % 100 < percent;
}

static const char *one_of(const char *const *texts, size_t count)
{
	return texts[(size_t)rand() % count];
}
#define ONE_OF(...)                                                                                \
	one_of((const char *const[]){__VA_ARGS__},                                                 \
	       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Something that nobody reads, under a key that elsewhere somebody does. */
static void add_noise(struct writer *writer)
{
	if (chance(60))
		return;
	add(writer, "\"%s\":%s,", ONE_OF("managedFields", "f:metadata", "containers", "image", "z"),
	    ONE_OF("null", "{\"name\":\"}\",\"spec\":{\"nodeName\":[]}}", "[1,-2.5e3,{\"a\":[[]]}]",
	           "\"\\\"\\\\ \\/ \\n \\t \\u00e9 \\u0061\"", "true", "{}", "[]"));
}

static void add_annotations(struct writer *writer)
{
	add(writer, "\"annotations\":{");
	add_noise(writer);
	if (chance(60))
		add(writer,
		    "\"vpc.amazonaws.com/"
		    "pod-eni\":\"[{\\\"eniId\\\":\\\"eni-%d\\\",\\\"vlanId\\\":%d,"
		    "\\\"privateIp\\\":\\\"10.0.0.%d\\\"%s}]\",",
		    rand() % 9, 1 + rand() % 9, rand() % 9,
		    ONE_OF("", ",\\\"ipv6Addr\\\":\\\"2001:db8::\\u0031\\\"",
		           ",\\u0022ifAddress\\u0022:\\\"02:00:00:00:00:01\\\""));
	add(writer, "\"x\":\"y\"},");
}

static void add_metadata(struct writer *writer)
{
	add(writer, "\"metadata\":{");
	add_noise(writer);
	if (chance(50))
		add_annotations(writer);
	if (chance(70))
		add(writer, "\"labels\":{\"app\":\"%s\",\"tier\":\"%s\",\"l\\u0061b\":\"\"},",
		    ONE_OF("web", "db", "\\u0077eb", "a\\/b"), ONE_OF("", "x", "caf\\u00e9"));
	if (chance(70))
		add(writer, "\"namespace\":%s,",
		    ONE_OF("\"shop\"", "\"sh\\u006fp\"", "null", "\"\""));
	add_noise(writer);
	if (chance(50))
		add(writer, "\"uid\":\"u-%d\",", rand() % 9);
	if (chance(50))
		add(writer, "\"creationTimestamp\":%s,",
		    ONE_OF("null", "\"2026-11-22T10:09:08Z\"", "\"2000-02-29T00:00:00.5Z\""));
	if (chance(30))
		add(writer,
		    "\"deletionTimestamp\":\"2026-11-22T10:09:08Z\","
		    "\"deletionGracePeriodSeconds\":%s,",
		    ONE_OF("0", "30", "null"));
	add(writer, "\"name\":\"pod-%d\"},", rand() % 9);
}

static void add_spec(struct writer *writer)
{
	add(writer, "\"spec\":{");
	add_noise(writer);
	if (chance(70))
		add(writer, "\"node\\u004eame\":\"n%d\",", rand() % 3);
	if (chance(50))
		add(writer, "\"serviceAccountName\":%s,", ONE_OF("\"web\"", "\"\"", "null"));
	if (chance(30))
		add(writer, "\"hostNetwork\":%s,", ONE_OF("true", "false", "null"));
	add_noise(writer);
	add(writer, "\"restartPolicy\":\"Always\"},");
}

static void add_status(struct writer *writer)
{
	add(writer, "\"status\":{");
	add_noise(writer);
	if (chance(70))
		add(writer, "\"phase\":\"%s\",",
		    ONE_OF("Running", "Pending", "Failed", "Succeeded"));
	if (chance(50))
		add(writer, "\"podIP\":\"10.0.0.%d\",", rand() % 9);
	if (chance(50))
		add(writer,
		    "\"podIPs\":[{\"ip\":\"10.0.0.%d\"},{\"x\":1,\"ip\":\"2001:db8::%d\"}],",
		    rand() % 9, rand() % 9);
	add(writer, "\"qosClass\":\"Burstable\"},");
}

static void add_pod(struct writer *writer)
{
	void (*const parts[])(struct writer * writer) = {add_metadata, add_spec, add_status};
	size_t first = (size_t)rand() % 3;

	add(writer, "{\"apiVersion\":\"v1\",%s",
	    ONE_OF("\"kind\":\"Pod\",", "\"k\\u0069nd\":\"P\\u006fd\","));
	add_noise(writer);
	for (size_t i = 0; i < 3; i++)
		parts[(first + i) % 3](writer);
	add(writer, "\"end\":[]}");
}

static void assert_same(const char *text)
{
	struct document *json = load_json(text);
	struct document *yaml = load_yaml(text);

	if (!document_same(json, yaml))
		fail_msg("reads differently as YAML: %s", text);
	document_free(json);
	document_free(yaml);
}

static void a_pod_in_json_is_the_pod_that_its_text_is_as_yaml(void **state)
{
	static struct writer writer;
	uint64_t seed = random_begin();

	(void)state;
	print_message("PODSG_SEED=%llu\n", (unsigned long long)seed);
	srand((unsigned)seed);
	for (unsigned i = 0; i < PODS; i++) {
		struct document *object;

		writer.used = 0;
		add_pod(&writer);
		assert_same(writer.text);
		object = load_object("v1", "Pod", writer.text);
		assert_int_equal(object->pod_count, 1);
		document_free(object);
		writer.used = 0;
		add(&writer, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[");
		add_pod(&writer);
		add(&writer, "]}");
		assert_same(writer.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_that_does_not_say_what_it_is_is_what_its_list_is_of),
		cmocka_unit_test(what_an_object_says_itself_counts),
		cmocka_unit_test(errors_name_the_object_and_what_is_wrong_with_it),
		cmocka_unit_test(a_pod_in_json_is_the_pod_that_its_text_is_as_yaml),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
