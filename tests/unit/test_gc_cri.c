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

#include "hooks/eni-gc/gc_cri.h"
#include "hooks/eni-gc/gc_protobuf.h"

#define ID_128                                                                                     \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                         \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A message, its NULs included. */
struct message {
	const char *data;
	size_t length;
};
#define MESSAGE(text)                                                                              \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static void show(const struct gc_sandboxes *list, char *ret, size_t size)
{
	const struct gc_sandbox *items = list->list.items;
	size_t used = 0;
	ret[0] = '\0';
	for (size_t i = 0; i < list->list.count; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s%s", i ? " " : "",
		                         items[i].id, items[i].ready ? "+" : "-");
}

static void list_says_which_sandboxes_are_ready(void **state)
{
	static const struct {
		struct message message;
		const char *expected;
	} cases[] = {
		{MESSAGE(""), ""},
		{MESSAGE("\x0a\x04\x0a\x02"
	                 "ab"),
	         "ab+"},
		{MESSAGE("\x0a\x06\x0a\x02"
	                 "ab\x18\x00"),
	         "ab+"},
		{MESSAGE("\x0a\x06\x0a\x02"
	                 "ab\x18\x01"),
	         "ab-"},
		{MESSAGE("\x0a\x06\x18\x01\x0a\x02"
	                 "ab"),
	         "ab-"},
		/* A state of a later version of the interface, and one that is no number. */
		{MESSAGE("\x0a\x06\x0a\x02"
	                 "ab\x18\x02"),
	         "ab+"},
		{MESSAGE("\x0a\x07\x0a\x02"
	                 "ab\x1a\x01\x01"),
	         "ab+"},
		/* Of a field that is there twice the last one counts. */
		{MESSAGE("\x0a\x0a\x0a\x02"
	                 "ab\x0a\x02"
	                 "cd\x18\x01"),
	         "cd-"},
		/* metadata, created_at, labels, runtime_handler; a fixed64 and a fixed32. */
		{MESSAGE("\x0a\x19\x0a\x01"
	                 "a\x12\x03\x0a\x01p\x20\xff\x01\x2a\x00\x3a\x00"
	                 "\x41\x01\x02\x03\x04\x05\x06\x07\x08\x4d"),
	         NULL},
		{MESSAGE("\x0a\x1d\x0a\x01"
	                 "a\x12\x03\x0a\x01p\x20\xff\x01\x2a\x00\x3a\x00"
	                 "\x41\x01\x02\x03\x04\x05\x06\x07\x08\x4d\x01\x02\x03\x04"),
	         "a+"},
		{MESSAGE("\x0a\x05\x0a\x03"
	                 "abc\x0a\x07\x0a\x03"
	                 "A_1\x18\x01\x0a\x05\x0a\x03"
	                 "a.b"),
	         "A_1- a.b+ abc+"},
		/* A field of the list that is not known. */
		{MESSAGE("\x18\x05\x0a\x03\x0a\x01"
	                 "a"),
	         "a+"},
		{MESSAGE("\x0a\x83\x01\x0a\x80\x01" ID_128), ID_128 "+"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gc_sandboxes list = {0};
		struct error err = {0};
		char shown[512];
		int r = gc_cri_parse("s", cases[i].message.data, cases[i].message.length, &list,
		                     &err);
		if (cases[i].expected) {
			assert_int_equal(r, 0);
			gc_cri_sort(&list);
			show(&list, shown, sizeof(shown));
			assert_string_equal(shown, cases[i].expected);
		} else {
			assert_int_equal(r, -EBADMSG);
		}
		gc_cri_done(&list);
	}
}

static void list_that_is_not_whole_is_refused_and_adds_nothing(void **state)
{
	static const struct {
		const char *name;
		struct message message;
		int code;
		const char *text;
	} cases[] = {
		{"cut off in a length", MESSAGE("\x0a"), -EBADMSG, "s: not a list of sandboxes"},
		{"longer than the message", MESSAGE("\x0a\x05\x0a\x01"), -EBADMSG, "not a list"},
		{"longer than the address space",
	         MESSAGE("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), -EBADMSG, "not a list"},
		{"a varint of eleven bytes",
	         MESSAGE("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), -EBADMSG,
	         "not a list"},
		{"a varint of 65 bits", MESSAGE("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
	         -EBADMSG, "not a list"},
		{"field number 0", MESSAGE("\x02\x00"), -EBADMSG, "not a list"},
		{"field number of 30 bits", MESSAGE("\x82\x80\x80\x80\x10\x00"), -EBADMSG,
	         "not a list"},
		{"a group", MESSAGE("\x0b\x0c"), -EBADMSG, "not a list"},
		{"wire type 6", MESSAGE("\x0e"), -EBADMSG, "not a list"},
		{"sandboxes that are numbers", MESSAGE("\x08\x05"), -EBADMSG, "not a list"},
		{"cut off in a sandbox", MESSAGE("\x0a\x02\x0a\x03"), -EBADMSG, "not a list"},
		{"no id", MESSAGE("\x0a\x02\x18\x01"), -EINVAL, "without an id"},
		{"an empty id", MESSAGE("\x0a\x02\x0a\x00"), -EINVAL, "without an id"},
		{"an id that is a number", MESSAGE("\x0a\x02\x08\x01"), -EINVAL,
	         "an id that is none"},
		{"an id with a slash",
	         MESSAGE("\x0a\x05\x0a\x03"
	                 "a/b"),
	         -EINVAL, "an id that is none (3 bytes)"},
		{"an id with a NUL",
	         MESSAGE("\x0a\x04\x0a\x02"
	                 "a\0"),
	         -EINVAL, "an id that is none"},
		{"an id that is too long", MESSAGE("\x0a\x84\x01\x0a\x81\x01x" ID_128), -EINVAL,
	         "(129 bytes)"},
		{"a good one, then a bad one", MESSAGE("\x0a\x03\x0a\x01z\x0a\x02\x18\x01"),
	         -EINVAL, "without an id"},
		{"a page of a longer list", MESSAGE("\x0a\x03\x0a\x01z\x12\x01t"), -EAGAIN,
	         "only a page"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gc_sandboxes list = {0};
		struct error err = {0};
		assert_int_equal(gc_cri_parse("s", "\x0a\x03\x0a\x01y", 5, &list, &err), 0);
		assert_int_equal(gc_cri_parse("s", cases[i].message.data, cases[i].message.length,
		                              &list, &err),
		                 cases[i].code);
		assert_non_null(strstr(err.text, cases[i].text));
		assert_int_equal(list.list.count, 1);
		assert_non_null(gc_cri_find(&list, "y"));
		gc_cri_done(&list);
	}
}

static void list_longer_than_the_maximum_is_refused(void **state)
{
	static const char one[] = "\x0a\x03\x0a\x01z";
	size_t size = sizeof(one) - 1;
	size_t count = GC_CRI_SANDBOXES_MAX + 1;
	char *many = malloc(size * count);
	struct gc_sandboxes list = {0};
	(void)state;
	assert_non_null(many);
	for (size_t i = 0; i < count; i++)
		memcpy(many + i * size, one, size);
	assert_int_equal(gc_cri_parse("s", many, size * count, &list, NULL), -E2BIG);
	assert_int_equal(list.list.count, 0);
	assert_int_equal(gc_cri_parse("s", many, size * (count - 1), &list, NULL), 0);
	assert_int_equal(list.list.count, GC_CRI_SANDBOXES_MAX);
	gc_cri_done(&list);
	free(many);
}

static void sandbox_that_two_runtimes_list_is_ready_if_either_says_so(void **state)
{
	static const struct message answers[] = {
		MESSAGE("\x0a\x05\x0a\x01z\x18\x01"),
		MESSAGE("\x0a\x03\x0a\x01z\x0a\x03\x0a\x01w"),
		MESSAGE("\x0a\x05\x0a\x01z\x18\x01"),
	};
	struct gc_sandboxes list = {0};
	(void)state;
	assert_null(gc_cri_find(&list, "z"));
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(gc_cri_parse("s", answers[i].data, answers[i].length, &list, NULL),
		                 0);
	gc_cri_sort(&list);
	assert_true(gc_cri_find(&list, "z")->ready);
	assert_true(gc_cri_find(&list, "w")->ready);
	assert_null(gc_cri_find(&list, "x"));
	assert_null(gc_cri_find(&list, "zz"));
	gc_cri_done(&list);
}

static void walk_ends_at_the_end_or_where_it_breaks(void **state)
{
	static const struct {
		struct message message;
		size_t fields;
		bool broken;
	} cases[] = {
		{MESSAGE(""), 0, false},
		{MESSAGE("\x08\x96\x01"), 1, false},
		{MESSAGE("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 1, false},
		{MESSAGE("\x08\x01\x08"), 1, true},
		{MESSAGE("\x09\x01\x02\x03\x04\x05\x06\x07"), 0, true},
		{MESSAGE("\x0d\x01\x02\x03"), 0, true},
		{MESSAGE("\xfd\xff\xff\xff\x0f\x01\x02\x03\x04"), 1, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gc_protobuf walk;
		struct gc_protobuf_field field;
		size_t fields = 0;
		/* Exactly that long, for the sanitizer to see a byte too many. */
		size_t length = cases[i].message.length;
		char *copy = malloc(length ? length : 1);
		assert_non_null(copy);
		memcpy(copy, cases[i].message.data, length);
		gc_protobuf_open(&walk, copy, length);
		while (gc_protobuf_next(&walk, &field))
			fields++;
		assert_int_equal(fields, cases[i].fields);
		assert_int_equal(walk.broken, cases[i].broken);
		assert_false(gc_protobuf_next(&walk, &field));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_says_which_sandboxes_are_ready),
		cmocka_unit_test(list_that_is_not_whole_is_refused_and_adds_nothing),
		cmocka_unit_test(list_longer_than_the_maximum_is_refused),
		cmocka_unit_test(sandbox_that_two_runtimes_list_is_ready_if_either_says_so),
		cmocka_unit_test(walk_ends_at_the_end_or_where_it_breaks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
