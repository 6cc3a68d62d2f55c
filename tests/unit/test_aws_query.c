/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/aws_query.h"

static void a_form_is_encoded(void **state)
{
	struct buffer form = {0};
	(void)state;
	aws_form_begin(&form, "DescribeX", "2016-11-15");
	aws_form_add(&form, "NextToken", "a+b/c= d&\xc3\xa4~");
	aws_form_add_nth(&form, "GroupId", 2, "sg-1");
	assert_string_equal(form.text, "Action=DescribeX&Version=2016-11-15"
	                               "&NextToken=a%2Bb%2Fc%3D%20d%26%C3%A4~&GroupId.2=sg-1");
	aws_form_begin(&form, "Other", "1");
	assert_string_equal(form.text, "Action=Other&Version=1");
	buffer_done(&form);
}

static void a_form_that_grows_too_large_has_failed(void **state)
{
	struct buffer form = {0};
	(void)state;
	aws_form_begin(&form, "DescribeX", "1");
	for (size_t i = 0; i < AWS_FORM_MAX / 8 && !form.failed; i++)
		aws_form_add_nth(&form, "GroupId", i, "sg-0123456789");
	assert_true(form.failed);
	assert_true(form.length <= AWS_FORM_MAX);
	buffer_done(&form);
}

static void a_complaint_has_a_code_and_a_message(void **state)
{
	static const struct {
		const char *text;
		const char *code;
		const char *message;
	} cases[] = {
		{"<Response><Errors><Error><Code>A.B</Code><Message>what &amp; why</Message>"
	         "</Error></Errors><RequestID>1</RequestID></Response>",
	         "A.B", "what & why"},
		{"<ErrorResponse><Error><Type>Sender</Type><Code>X</Code></Error></ErrorResponse>",
	         "X", ""},
		{"<R><Code>first</Code><Code>second</Code></R>", "first", ""},
		{"<R><Code>A</Code><Message>cut o", "A", ""},
		{"<R><Code>a\x01</Code></R>", "", ""},
		{"<R><Code>a\nb</Code></R>", "a?b", ""},
		{"<html><body>no</body></html>", "", ""},
		{"no", "", ""},
		{"", "", ""},
		{"<!DOCTYPE x [<!ENTITY a 'b'>]><R><Code>&a;</Code></R>", "", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char code[AWS_CODE_MAX];
		char message[AWS_MESSAGE_MAX];
		aws_complaint_parse(cases[i].text, strlen(cases[i].text), code, message);
		assert_string_equal(code, cases[i].code);
		assert_string_equal(message, cases[i].message);
	}
}

static void what_to_do_depends_on_the_code_then_on_the_status(void **state)
{
	static const struct {
		int status;
		const char *code;
		enum aws_outcome outcome;
	} cases[] = {
		{503, "RequestLimitExceeded", AWS_AGAIN},
		{400, "Throttling", AWS_AGAIN},
		{500, "", AWS_AGAIN},
		{502, "Whatever", AWS_AGAIN},
		{429, "", AWS_AGAIN},
		{401, "AuthFailure", AWS_REJECTED},
		{400, "RequestExpired", AWS_REJECTED},
		{400, "ExpiredToken", AWS_REJECTED},
		{400, "InvalidGroup.NotFound", AWS_NOT_FOUND},
		{400, "InvalidPrefixListID.NotFound", AWS_NOT_FOUND},
		{403, "UnauthorizedOperation", AWS_REFUSED},
		{403, "SignatureDoesNotMatch", AWS_REFUSED},
		{404, "", AWS_REFUSED},
		{302, "", AWS_REFUSED},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(aws_outcome_of(cases[i].status, cases[i].code), cases[i].outcome);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_form_is_encoded),
		cmocka_unit_test(a_form_that_grows_too_large_has_failed),
		cmocka_unit_test(a_complaint_has_a_code_and_a_message),
		cmocka_unit_test(what_to_do_depends_on_the_code_then_on_the_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
