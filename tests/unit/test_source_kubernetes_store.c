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
#include "nft-sync/source/source_kubernetes_store.h"

#define ENI                                                                                        \
	"[{\\\"eniId\\\":\\\"eni-1\\\",\\\"ifAddress\\\":\\\"02:00:00:00:00:01\\\","               \
	"\\\"privateIp\\\":\\\"10.0.0.9\\\",\\\"vlanId\\\":7}]"

struct place {
	struct model *model;
	struct object_store *store;
};

static int open_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	place->model = model_new();
	place->store = object_store_new(place->model, "pods", "Pod");
	*state = place;
	return place->store ? 0 : -1;
}

static int close_place(void **state)
{
	struct place *place = *state;

	object_store_free(place->store);
	model_free(place->model);
	free(place);
	return 0;
}

static struct kube_object object_of(const char *name, const char *version, const char *text)
{
	struct kube_object object = {.change = KUBE_LISTED,
	                             .namespace = "shop",
	                             .text = {.text = text, .length = strlen(text), .line = 1}};

	(void)snprintf(object.name, sizeof(object.name), "%s", name);
	(void)snprintf(object.version, sizeof(object.version), "%s", version);
	return object;
}

/* Whether the model says something else now. */
static bool put(struct place *place, const char *name, const char *version, const char *label)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
	               "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"u\","
	               "\"labels\":{\"l\":%s},\"resourceVersion\":\"%s\"}}",
	               name, label, version);

	const struct kube_object object = object_of(name, version, text);

	return object_store_put(place->store, &object, "v1");
}

static const char *label_of(const struct place *place, const char *name)
{
	const struct pod *pod = model_pod(place->model, "shop", name);

	return pod ? pod->labels.items[0].value : NULL;
}

static const char *complaint(const struct place *place)
{
	static char text[512];

	object_store_complaint(place->store, text, sizeof(text));
	return text;
}

static void each_object_is_a_document_of_its_own(void **state)
{
	struct place *place = *state;

	assert_true(put(place, "a", "1", "\"x\""));
	assert_true(put(place, "b", "2", "\"y\""));
	assert_int_equal(model_document_count(place->model), 2);
	assert_string_equal(model_document(place->model, 0)->name, "kubernetes/pods/shop/a");
	assert_string_equal(label_of(place, "b"), "y");
	assert_int_equal(object_store_count(place->store), 2);
}

static void same_version_is_not_looked_at_again(void **state)
{
	struct place *place = *state;

	assert_true(put(place, "a", "1", "\"x\""));
	assert_false(put(place, "a", "1", "\"y\""));
	assert_string_equal(label_of(place, "a"), "x");
}

static void new_version_of_the_same_content_changes_nothing(void **state)
{
	struct place *place = *state;

	assert_true(put(place, "a", "1", "\"x\""));

	uint64_t generation = model_generation(place->model);

	assert_false(put(place, "a", "2", "\"x\""));
	assert_int_equal(model_generation(place->model), generation);
	assert_true(put(place, "a", "3", "\"y\""));
	assert_string_equal(label_of(place, "a"), "y");
}

static void sweep_takes_what_the_list_did_not_have(void **state)
{
	struct place *place = *state;

	put(place, "a", "1", "\"x\"");
	put(place, "b", "2", "\"x\"");
	object_store_begin(place->store);
	put(place, "a", "1", "\"x\"");
	put(place, "c", "3", "\"x\"");
	assert_non_null(model_pod(place->model, "shop", "b"));
	assert_true(object_store_sweep(place->store));
	assert_null(model_pod(place->model, "shop", "b"));
	assert_non_null(model_pod(place->model, "shop", "a"));
	assert_non_null(model_pod(place->model, "shop", "c"));
	assert_false(object_store_sweep(place->store));
}

static void list_that_begins_anew_forgets_what_the_broken_one_had(void **state)
{
	struct place *place = *state;

	put(place, "a", "1", "\"x\"");
	object_store_begin(place->store);
	put(place, "a", "1", "\"x\"");
	object_store_begin(place->store);
	put(place, "b", "2", "\"x\"");
	assert_true(object_store_sweep(place->store));
	assert_null(model_pod(place->model, "shop", "a"));
}

static void broken_object_leaves_its_last_good_version(void **state)
{
	struct place *place = *state;

	assert_true(put(place, "a", "1", "\"x\""));
	assert_true(put(place, "b", "2", "\"x\""));
	assert_false(put(place, "a", "3", "7"));
	assert_string_equal(label_of(place, "a"), "x");
	assert_non_null(strstr(complaint(place), "1 refused"));
	assert_non_null(strstr(complaint(place), "shop/a"));
	assert_true(put(place, "b", "4", "\"y\""));
	assert_false(put(place, "a", "5", "\"x\""));
	assert_string_equal(complaint(place), "");
}

static void broken_object_that_goes_takes_its_complaint_along(void **state)
{
	struct place *place = *state;
	const struct kube_object object = object_of("a", "2", "{}");

	assert_false(put(place, "a", "1", "7"));
	assert_int_equal(object_store_count(place->store), 1);
	assert_string_not_equal(complaint(place), "");
	assert_false(object_store_remove(place->store, &object));
	assert_string_equal(complaint(place), "");
	assert_int_equal(object_store_count(place->store), 0);
}

static void removed_object_leaves_the_model(void **state)
{
	struct place *place = *state;
	const struct kube_object object = object_of("a", "2", "{}");

	put(place, "a", "1", "\"x\"");
	assert_true(object_store_remove(place->store, &object));
	assert_false(object_store_remove(place->store, &object));
	assert_int_equal(model_document_count(place->model), 0);
}

static void what_the_model_holds_already_is_taken_over(void **state)
{
	struct place *place = *state;

	put(place, "a", "1", "\"x\"");
	put(place, "b", "2", "\"x\"");
	object_store_free(place->store);
	place->store = object_store_new(place->model, "pods", "Pod");
	assert_int_equal(object_store_count(place->store), 2);
	object_store_begin(place->store);
	assert_false(put(place, "a", "1", "\"x\""));
	assert_true(object_store_sweep(place->store));
	assert_int_equal(model_document_count(place->model), 1);
}

static void deletion_that_was_asked_for_is_remembered(void **state)
{
	static const char text[] = "{\"metadata\":{\"name\":\"a\",\"namespace\":\"shop\","
				   "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\","
				   "\"deletionGracePeriodSeconds\":30}}";
	struct place *place = *state;
	const struct kube_object object = object_of("a", "1", text);
	struct kube_deletion deletion = {0};

	assert_null(object_store_document(place->store, &object, &deletion));
	object_store_put(place->store, &object, "v1");
	assert_non_null(object_store_document(place->store, &object, &deletion));
	assert_true(deletion.asked);
	assert_false(deletion.at_once);
}

#define POD(rest) "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"" rest "}"
#define OBJECT(rest) "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"}" rest "}"
#define POLICY(spec) OBJECT(",\"spec\":" spec)

static const struct difference {
	const char *api_version;
	const char *kind;
	const char *a;
	const char *b;
} differences[] = {
	{"v1", "Pod", POD(",\"uid\":\"1\"}"), POD(",\"uid\":\"2\"}")},
	{"v1", "Pod", POD(",\"labels\":{\"a\":\"1\"}}"), POD(",\"labels\":{\"a\":\"2\"}}")},
	{"v1", "Pod", POD(",\"labels\":{\"a\":\"1\"}}"), POD("}")},
	{"v1", "Pod", POD(",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"}"), POD("}")},
	{"v1", "Pod", POD(",\"annotations\":{\"vpc.amazonaws.com/pod-eni\":\"" ENI "\"}}"),
         POD("}")},
	{"v1", "Pod", OBJECT(",\"spec\":{\"nodeName\":\"a\"}"),
         OBJECT(",\"spec\":{\"nodeName\":\"b\"}")},
	{"v1", "Pod", OBJECT(",\"spec\":{\"serviceAccountName\":\"a\"}"), OBJECT("")},
	{"v1", "Pod", OBJECT(",\"spec\":{\"hostNetwork\":true}"), OBJECT("")},
	{"v1", "Pod", OBJECT(",\"status\":{\"phase\":\"Failed\"}"), OBJECT("")},
	{"v1", "Pod", OBJECT(",\"status\":{\"podIP\":\"10.0.0.1\"}"), OBJECT("")},
	{"v1", "Pod", OBJECT(",\"status\":{\"podIP\":\"10.0.0.1\"}"),
         OBJECT(",\"status\":{\"podIP\":\"10.0.0.2\"}")},
	{"v1", "ServiceAccount", POD(",\"labels\":{\"a\":\"1\"}}"), POD("}")},
	{"v1", "Node", OBJECT(""),
         OBJECT(",\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.0.0.1\"}]"
                "}")},
	{"vpcresources.k8s.aws/v1alpha1", "CNINode", OBJECT(""),
         OBJECT(",\"spec\":{\"features\":[{\"name\":\"SecurityGroupsForPods\"}]}")},
	{"vpcresources.k8s.aws/v1beta1", "SecurityGroupPolicy",
         POLICY("{\"podSelector\":{},\"securityGroups\":{\"groupIds\":[\"sg-1\"]}}"),
         POLICY("{\"podSelector\":{},\"securityGroups\":{\"groupIds\":[\"sg-2\"]}}")},
	{"vpcresources.k8s.aws/v1beta1", "SecurityGroupPolicy",
         POLICY("{\"podSelector\":{},\"securityGroups\":{\"groupIds\":[\"sg-1\"]}}"),
         POLICY("{\"serviceAccountSelector\":{},\"securityGroups\":{\"groupIds\":[\"sg-1\"]}}")},
	{"vpcresources.k8s.aws/v1beta1", "SecurityGroupPolicy",
         POLICY("{\"podSelector\":{\"matchLabels\":{\"a\":\"1\"}},"
                "\"securityGroups\":{\"groupIds\":[\"sg-1\"]}}"),
         POLICY("{\"podSelector\":{\"matchLabels\":{\"a\":\"2\"}},"
                "\"securityGroups\":{\"groupIds\":[\"sg-1\"]}}")},
};

static struct document *parse(const struct difference *difference, const char *text)
{
	struct document *document;
	struct error err = {0};

	if (document_parse_object("x", difference->api_version, difference->kind, text,
	                          strlen(text), &document, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return document;
}

static void documents_differ_in_whatever_podsg_reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
		struct document *a = parse(&differences[i], differences[i].a);
		struct document *again = parse(&differences[i], differences[i].a);
		struct document *b = parse(&differences[i], differences[i].b);

		if (!document_same(a, again) || document_same(a, b) || document_same(b, a))
			fail_msg("%s\n%s", differences[i].a, differences[i].b);
		document_free(a);
		document_free(again);
		document_free(b);
	}
}

static int note_digest(void *context, const struct kube_object *object)
{
	uint64_t *digest = context;

	*digest = object->digest;
	return 0;
}

static uint64_t digest_of(const char *kind, const char *text)
{
	struct kube_page page;
	struct error err = {0};
	uint64_t digest = 0;
	char list[1024];
	int length = snprintf(list, sizeof(list),
	                      "{\"kind\":\"%sList\",\"metadata\":{\"resourceVersion\":\"1\"},"
	                      "\"items\":[%s]}",
	                      kind, text);

	if (kube_page_read("", kind, list, (size_t)length, &page, &err) < 0 ||
	    kube_page_objects("", kind, &page, note_digest, &digest, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return digest;
}

/* Or a change would be missed. */
static void digests_differ_wherever_documents_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
		const struct difference *pair = &differences[i];

		if (digest_of(pair->kind, pair->a) == digest_of(pair->kind, pair->b))
			fail_msg("%s\n%s", pair->a, pair->b);
	}
}

static void documents_are_the_same_whatever_podsg_does_not_read(void **state)
{
	static const struct difference pair = {
		"v1", "Pod", OBJECT(",\"status\":{\"conditions\":[{\"lastProbeTime\":\"1\"}]}"),
		OBJECT(",\"status\":{\"conditions\":[{\"lastProbeTime\":\"2\"}]}")};
	struct document *a = parse(&pair, pair.a);
	struct document *b = parse(&pair, pair.b);

	(void)state;
	assert_true(document_same(a, b));
	document_free(a);
	document_free(b);
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(each_object_is_a_document_of_its_own),
		IN_PLACE(same_version_is_not_looked_at_again),
		IN_PLACE(new_version_of_the_same_content_changes_nothing),
		IN_PLACE(sweep_takes_what_the_list_did_not_have),
		IN_PLACE(list_that_begins_anew_forgets_what_the_broken_one_had),
		IN_PLACE(broken_object_leaves_its_last_good_version),
		IN_PLACE(broken_object_that_goes_takes_its_complaint_along),
		IN_PLACE(removed_object_leaves_the_model),
		IN_PLACE(what_the_model_holds_already_is_taken_over),
		IN_PLACE(deletion_that_was_asked_for_is_remembered),
		cmocka_unit_test(documents_differ_in_whatever_podsg_reads),
		cmocka_unit_test(digests_differ_wherever_documents_do),
		cmocka_unit_test(documents_are_the_same_whatever_podsg_does_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
