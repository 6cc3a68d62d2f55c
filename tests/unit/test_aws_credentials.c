/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/aws_credentials.h"
#include "common/aws_profile.h"

/* A home of its own for every test, and nothing of AWS in the environment. */
struct place {
	char home[64];
	char path[128];
	struct http *http;
	struct imds *imds;
	struct aws_credentials *credentials;
	uv_loop_t loop;
};

static void ready(void *context, const struct error *failure)
{
	(void)context;
	(void)failure;
}

static int set_up(void **state)
{
	static const char *const variables[] = {
		"AWS_ACCESS_KEY_ID",  "AWS_SECRET_ACCESS_KEY",       "AWS_SESSION_TOKEN",
		"AWS_PROFILE",        "AWS_DEFAULT_PROFILE",         "AWS_REGION",
		"AWS_DEFAULT_REGION", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"};
	struct place *place = calloc(1, sizeof(*place));
	if (!place)
		return -1;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	snprintf(place->home, sizeof(place->home), "/tmp/podsg-aws-XXXXXX");
	if (!mkdtemp(place->home))
		return -1;
	setenv("HOME", place->home, 1);
	snprintf(place->path, sizeof(place->path), "%s/.aws", place->home);
	mkdir(place->path, 0700);
	uv_loop_init(&place->loop);
	http_open(&place->loop, &place->http, NULL);
	imds_open(place->http, &place->imds, NULL);
	aws_credentials_open(place->imds, ready, place, &place->credentials, NULL);
	*state = place;
	return 0;
}

static void remove_file(const struct place *place, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", place->path, name);
	unlink(path);
}

static int tear_down(void **state)
{
	struct place *place = *state;
	remove_file(place, "credentials");
	remove_file(place, "config");
	rmdir(place->path);
	rmdir(place->home);
	aws_credentials_close(place->credentials);
	imds_close(place->imds);
	http_close(place->http);
	uv_run(&place->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&place->loop), 0);
	free(place);
	return 0;
}

static void write_file(const struct place *place, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", place->path, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void expect_keys(const struct place *place, const char *access, const char *secret,
                        const char *token)
{
	const struct aws_keys *keys = NULL;
	struct error failure = {0};
	int r = aws_credentials_find(place->credentials, &keys, &failure);
	if (r < 0)
		fail_msg("%s", failure.text);
	assert_string_equal(keys->access_key, access);
	assert_string_equal(keys->secret_key, secret);
	assert_string_equal(keys->session_token, token);
}

static void expect_failure(const struct place *place, int code, const char *words)
{
	const struct aws_keys *keys = NULL;
	struct error failure = {0};
	assert_int_equal(aws_credentials_find(place->credentials, &keys, &failure), code);
	if (!strstr(failure.text, words))
		fail_msg("expected \"%s\" in \"%s\"", words, failure.text);
}

static void the_environment_comes_first(void **state)
{
	const struct place *place = *state;
	write_file(place, "credentials",
	           "[default]\naws_access_key_id=file\naws_secret_access_key=s\n");
	setenv("AWS_ACCESS_KEY_ID", "env", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "es", 1);
	expect_keys(place, "env", "es", "");
	setenv("AWS_SESSION_TOKEN", "et", 1);
	expect_keys(place, "env", "es", "et");
}

static void half_a_pair_is_an_error(void **state)
{
	const struct place *place = *state;
	write_file(place, "credentials", "[default]\naws_access_key_id = a\n");
	expect_failure(place, -EINVAL, "aws_secret_access_key is missing");
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	expect_failure(place, -EINVAL, "AWS_ACCESS_KEY_ID is not");
}

static void a_profile_is_found_in_both_files(void **state)
{
	const struct place *place = *state;
	write_file(place, "credentials",
	           "# a comment\n[default]\naws_access_key_id = d\naws_secret_access_key = ds\n"
	           "[ two ] ; another\n  aws_access_key_id = indented\n;aws_access_key_id = no\n"
	           "aws_access_key_id=t\r\naws_secret_access_key\t=\ta=b/c+\r\n"
	           "aws_session_token = tok== \n");
	write_file(place, "config",
	           "[profile three]\naws_access_key_id = c\naws_secret_access_key = cs\n"
	           "s3 =\n  aws_access_key_id = nested\n");
	expect_keys(place, "d", "ds", "");
	setenv("AWS_PROFILE", "two", 1);
	expect_keys(place, "t", "a=b/c+", "tok==");
	setenv("AWS_PROFILE", "three", 1);
	expect_keys(place, "c", "cs", "");
}

static void a_changed_file_is_read_anew(void **state)
{
	const struct place *place = *state;
	write_file(place, "credentials",
	           "[default]\naws_access_key_id=a\naws_secret_access_key=s\n");
	expect_keys(place, "a", "s", "");
	write_file(place, "credentials",
	           "[default]\naws_access_key_id=b\naws_secret_access_key=s\n");
	expect_keys(place, "b", "s", "");
}

static void no_keys_anywhere_is_said(void **state)
{
	const struct place *place = *state;
	expect_failure(place, -EHOSTUNREACH, "none in the environment");
	write_file(place, "credentials", "[other]\naws_access_key_id=a\n");
	expect_failure(place, -EHOSTUNREACH, "AWS_EC2_METADATA_DISABLED");
	setenv("AWS_PROFILE", "nobody", 1);
	expect_failure(place, -ENOKEY, "profile nobody");
}

static void ways_that_are_not_gone_are_named(void **state)
{
	const struct place *place = *state;
	static const char *const settings[] = {"role_arn = arn:aws:iam::1:role/x",
	                                       "credential_process = /bin/x", "sso_session = x"};
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char text[256];
		snprintf(text, sizeof(text), "[default]\n%s\n", settings[i]);
		write_file(place, "config", text);
		expect_failure(place, -ENOTSUP, "is not supported");
	}
}

static void keys_that_cannot_stand_in_a_header_are_refused(void **state)
{
	const struct place *place = *state;
	setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
	setenv("AWS_ACCESS_KEY_ID", "a\r\nX-Other: 1", 1);
	expect_failure(place, -EINVAL, "access key id");
	setenv("AWS_ACCESS_KEY_ID", "a", 1);
	setenv("AWS_SESSION_TOKEN", "to ken", 1);
	expect_failure(place, -EINVAL, "session token");
}

static void a_directory_in_place_of_the_file_is_an_error(void **state)
{
	const struct place *place = *state;
	setenv("AWS_SHARED_CREDENTIALS_FILE", place->home, 1);
	expect_failure(place, -EINVAL, "not a regular file");
}

static void the_region_is_the_environments_then_the_profiles(void **state)
{
	const struct place *place = *state;
	char region[AWS_REGION_MAX];
	struct error failure = {0};
	assert_int_equal(aws_region_find(region, &failure), -ENOENT);
	write_file(place, "config",
	           "[default]\nregion = eu-west-1\n[profile x]\nregion=cn-north-1");
	assert_int_equal(aws_region_find(region, &failure), 0);
	assert_string_equal(region, "eu-west-1");
	setenv("AWS_PROFILE", "x", 1);
	assert_int_equal(aws_region_find(region, &failure), 0);
	assert_string_equal(region, "cn-north-1");
	setenv("AWS_DEFAULT_REGION", "us-east-1", 1);
	assert_int_equal(aws_region_find(region, &failure), 0);
	assert_string_equal(region, "us-east-1");
	setenv("AWS_REGION", "evil.example/", 1);
	assert_int_equal(aws_region_find(region, &failure), -EINVAL);
}

static void the_roles_keys_are_read(void **state)
{
	struct aws_keys keys;
	struct error failure = {0};
	(void)state;
	assert_int_equal(aws_keys_parse("{\"Code\":\"Success\",\"AccessKeyId\":\"a\","
	                                "\"SecretAccessKey\":\"s\",\"Token\":\"t\","
	                                "\"Expiration\":\"2030-01-02T03:04:05Z\"}",
	                                &keys, &failure),
	                 0);
	assert_string_equal(keys.access_key, "a");
	assert_string_equal(keys.session_token, "t");
	assert_int_equal(keys.expires, 1893553445);
}

static void what_imds_says_wrong_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} cases[] = {
		{"", "no JSON"},
		{"[]", "Expiration"},
		{"{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot assume\"}",
	         "AssumeRoleUnauthorizedAccess: EC2 cannot assume"},
		{"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Token\":\"t\"}", "Expiration"},
		{"{\"AccessKeyId\":1,\"Expiration\":\"2030-01-02T03:04:05Z\"}", "access key id"},
		{"{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Token\":\"t\\n\","
	         "\"Expiration\":\"2030-01-02T03:04:05Z\"}",
	         "session token"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct aws_keys keys;
		struct error failure = {0};
		assert_true(aws_keys_parse(cases[i].text, &keys, &failure) < 0);
		if (!strstr(failure.text, cases[i].words))
			fail_msg("expected \"%s\" in \"%s\"", cases[i].words, failure.text);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_environment_comes_first),
		TEST(half_a_pair_is_an_error),
		TEST(a_profile_is_found_in_both_files),
		TEST(a_changed_file_is_read_anew),
		TEST(no_keys_anywhere_is_said),
		TEST(ways_that_are_not_gone_are_named),
		TEST(keys_that_cannot_stand_in_a_header_are_refused),
		TEST(a_directory_in_place_of_the_file_is_an_error),
		TEST(the_region_is_the_environments_then_the_profiles),
		TEST(the_roles_keys_are_read),
		TEST(what_imds_says_wrong_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
