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

#include <cjson/cJSON.h>

#include "common/base64.h"
#include "common/kube_credential.h"
#include "common/kube_token.h"

#define V1 "client.authentication.k8s.io/v1"
#define HEAD "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":"

static void base64_is_there_and_back(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},        {"f", "Zg=="},          {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char encoded[64];
		char decoded[64];
		size_t length = 0;

		base64_encode(cases[i][0], strlen(cases[i][0]), encoded);
		assert_string_equal(encoded, cases[i][1]);
		assert_int_equal(base64_decode(encoded, strlen(encoded), decoded, &length), 0);
		assert_int_equal(length, strlen(cases[i][0]));
		assert_string_equal(decoded, cases[i][0]);
	}
}

static void every_length_of_base64_fits_its_room(void **state)
{
	(void)state;
	for (size_t length = 0; length < 70; length++) {
		unsigned char *data = malloc(length + 1);
		char *encoded = malloc(BASE64_SIZE(length));
		size_t encoded_length;
		size_t decoded_length = 0;
		char *decoded;

		assert_non_null(data);
		assert_non_null(encoded);
		for (size_t i = 0; i < length; i++)
			data[i] = (unsigned char)(i * 37 + length);
		encoded_length = base64_encode(data, length, encoded);
		decoded = malloc(BASE64_DECODED_SIZE(encoded_length));
		assert_non_null(decoded);
		assert_int_equal(base64_decode(encoded, encoded_length, decoded, &decoded_length),
		                 0);
		assert_int_equal(decoded_length, length);
		assert_memory_equal(decoded, data, length);
		free(data);
		free(encoded);
		free(decoded);
	}
}

static void what_is_not_base64_is_refused(void **state)
{
	static const char *const cases[] = {"Z",    "Zg",   "Zg=",   "Zm9v=", "Zg==Zg==", "=",
	                                    "====", "Z===", "Zm 9v", "Zm9-",  "Zg=a",     "\xc3"};
	char decoded[64];
	size_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (base64_decode(cases[i], strlen(cases[i]), decoded, &length) != -EBADMSG)
			fail_msg("accepted: %s", cases[i]);
}

static void line_breaks_in_base64_are_passed_over(void **state)
{
	char decoded[64];
	size_t length = 0;

	(void)state;
	assert_int_equal(base64_decode("Zm\r\n9v\nYg==\n", 12, decoded, &length), 0);
	assert_string_equal(decoded, "foob");
}

static void a_token_is_read(void **state)
{
	static const char text[] = HEAD "{\"token\":\"t\"}}\n";
	struct kube_credential credential = {0};

	(void)state;
	assert_int_equal(kube_credential_parse(text, strlen(text), V1, &credential, NULL), 0);
	assert_string_equal(credential.token, "t");
	assert_null(credential.certificate_pem);
	assert_int_equal(credential.expires, 0);
	kube_credential_done(&credential);
	kube_credential_done(&credential);
}

static void a_certificate_is_read_with_its_key(void **state)
{
	static const char text[] =
		HEAD "{\"clientCertificateData\":\"C\",\"clientKeyData\":\"K\",\"token\":\"\"}}";
	struct kube_credential credential = {0};

	(void)state;
	assert_int_equal(kube_credential_parse(text, strlen(text), V1, &credential, NULL), 0);
	assert_null(credential.token);
	assert_string_equal(credential.certificate_pem, "C");
	assert_string_equal(credential.key_pem, "K");
	kube_credential_done(&credential);
}

static void an_expiry_is_a_time_of_rfc_3339(void **state)
{
	static const struct {
		const char *text;
		int64_t expires; /* 0: refused */
	} cases[] = {
		{"2023-11-14T22:13:20Z", 1700000000},
		{"2023-11-14T22:13:20.123456Z", 1700000000},
		{"2023-11-15T00:13:20+02:00", 1700000000},
		{"2023-11-14T17:43:20-04:30", 1700000000},
		{"2023-11-14T22:13:20", 0},
		{"2023-11-14 22:13:20Z", 0},
		{"2023-11-14T22:13:20+2:00", 0},
		{"2023-11-14T22:13:20Z ", 0},
		{"soon", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_credential credential = {0};
		char text[256];
		int r;

		(void)snprintf(text, sizeof(text),
		               HEAD "{\"token\":\"t\",\"expirationTimestamp\":\"%s\"}}",
		               cases[i].text);
		r = kube_credential_parse(text, strlen(text), V1, &credential, NULL);
		if (r != (cases[i].expires ? 0 : -EBADMSG) ||
		    credential.expires != cases[i].expires)
			fail_msg("%s: %d, %lld", cases[i].text, r, (long long)credential.expires);
		kube_credential_done(&credential);
	}
}

static void what_a_plugin_gets_wrong_is_said(void **state)
{
	static const char *const cases[][2] = {
		{"", "printed nothing"},
		{"Please log in:", "printed something that is not JSON"},
		{HEAD "{\"token\":\"secret\"}", "printed something that is not JSON"},
		{HEAD "{\"token\":\"t\"}} more", "printed something that is not JSON"},
		{"[]", "printed no ExecCredential: its kind is \"\""},
		{"{\"kind\":\"Status\"}", "printed no ExecCredential: its kind is \"Status\""},
		{"{\"kind\":\"ExecCredential\"}",
	         "printed an ExecCredential of no apiVersion where the kubeconfig asks for " V1},
		{"{\"kind\":\"ExecCredential\",\"apiVersion\":\"x/v1alpha1\"}",
	         "printed an ExecCredential of x/v1alpha1 where the kubeconfig asks for " V1},
		{HEAD "null}", "printed neither a token nor a client certificate in status"},
		{HEAD "{\"token\":5}}",
	         "printed neither a token nor a client certificate in status"},
		{HEAD "{\"token\":\"a\\r\\nX: y\"}}", "printed a token that is none"},
		{HEAD "{\"clientCertificateData\":\"c\"}}",
	         "printed a client certificate without its key"},
		{HEAD "{\"token\":\"t\",\"clientKeyData\":\"c\"}}",
	         "printed a client key without its certificate"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_credential credential = {0};
		struct error err = {0};

		assert_int_equal(kube_credential_parse(cases[i][0], strlen(cases[i][0]), V1,
		                                       &credential, &err),
		                 -EBADMSG);
		assert_string_equal(err.text, cases[i][1]);
		assert_null(credential.token);
	}
}

static void a_plugin_is_told_what_it_wants_to_know(void **state)
{
	static const struct kube_plugin plain = {.api_version = V1};
	static const struct kube_plugin curious = {.api_version = V1, .wants_cluster = true};
	const struct kube_config bare = {.server = "https://h", .plugin = &plain};
	const struct kube_config full = {.server = "https://h",
	                                 .proxy = "http://p",
	                                 .ca_pem = "foo",
	                                 .server_name = "n",
	                                 .extension = "{\"a\":1}",
	                                 .plugin = &curious};
	char *text = NULL;

	(void)state;
	assert_int_equal(kube_exec_info(&bare, &text, NULL), 0);
	assert_string_equal(text, "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
	                          "\",\"spec\":{\"interactive\":false}}");
	cJSON_free(text);
	assert_int_equal(kube_exec_info(&full, &text, NULL), 0);
	assert_string_equal(
		text, "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1
		      "\",\"spec\":{\"cluster\":{\"server\":\"https://h\",\"tls-server-name\":"
		      "\"n\",\"proxy-url\":\"http://p\",\"certificate-authority-data\":\"Zm9v\","
		      "\"config\":{\"a\":1}},\"interactive\":false}}");
	cJSON_free(text);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

struct token_place {
	char directory[64];
	char path[96];
	char versions[2][96];
};

static struct token_place make_place(void)
{
	char directory[] = "/tmp/podsg-token-XXXXXX";
	struct token_place place;

	assert_non_null(mkdtemp(directory));
	(void)snprintf(place.directory, sizeof(place.directory), "%s", directory);
	(void)snprintf(place.path, sizeof(place.path), "%s/token", directory);
	for (int i = 0; i < 2; i++)
		(void)snprintf(place.versions[i], sizeof(place.versions[i]), "%s/v%d", directory,
		               i);
	return place;
}

static void remove_place(const struct token_place *place)
{
	(void)unlink(place->path);
	(void)unlink(place->versions[0]);
	(void)unlink(place->versions[1]);
	assert_int_equal(rmdir(place->directory), 0);
}

/* As kubelet does it: the name comes to point elsewhere. */
static void swap_link(const struct token_place *place, int version)
{
	char next[112];

	(void)snprintf(next, sizeof(next), "%s.next", place->path);
	assert_int_equal(symlink(place->versions[version], next), 0);
	assert_int_equal(rename(next, place->path), 0);
}

static void a_token_file_is_read_again_when_its_link_is_swapped(void **state)
{
	struct token_place place = make_place();
	struct kube_token token = {.path = place.path};

	(void)state;
	write_file(place.versions[0], "one\n");
	write_file(place.versions[1], "two\n");
	swap_link(&place, 0);
	assert_int_equal(kube_token_refresh(&token, false, NULL), 0);
	assert_string_equal(token.text, "one");
	swap_link(&place, 1);
	assert_int_equal(kube_token_refresh(&token, false, NULL), 0);
	assert_string_equal(token.text, "two");
	kube_token_done(&token);
	remove_place(&place);
}

static void a_token_file_that_breaks_leaves_the_last_token(void **state)
{
	struct token_place place = make_place();
	struct kube_token token = {.path = place.path};

	(void)state;
	write_file(place.path, "one");
	assert_int_equal(kube_token_refresh(&token, false, NULL), 0);
	write_file(place.path, "");
	assert_int_equal(kube_token_refresh(&token, true, NULL), 0);
	assert_string_equal(token.text, "one");
	assert_int_equal(unlink(place.path), 0);
	assert_int_equal(kube_token_refresh(&token, false, NULL), 0);
	assert_string_equal(token.text, "one");
	write_file(place.path, "two");
	assert_int_equal(kube_token_refresh(&token, false, NULL), 0);
	assert_string_equal(token.text, "two");
	kube_token_done(&token);
	remove_place(&place);
}

static void a_file_that_holds_no_token_is_refused(void **state)
{
	static const char *const cases[] = {"", "\n", "a b", "a\nb", "a\r\nX: y\n", "\xc3\xa4"};
	struct token_place place = make_place();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_token token = {.path = place.path};
		struct error err = {0};
		char message[160];

		write_file(place.path, cases[i]);
		(void)snprintf(message, sizeof(message), "%s: expected one token and nothing else",
		               place.path);
		assert_int_equal(kube_token_refresh(&token, false, &err), -EBADMSG);
		assert_string_equal(err.text, message);
	}
	remove_place(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_there_and_back),
		cmocka_unit_test(every_length_of_base64_fits_its_room),
		cmocka_unit_test(what_is_not_base64_is_refused),
		cmocka_unit_test(line_breaks_in_base64_are_passed_over),
		cmocka_unit_test(a_token_is_read),
		cmocka_unit_test(a_certificate_is_read_with_its_key),
		cmocka_unit_test(an_expiry_is_a_time_of_rfc_3339),
		cmocka_unit_test(what_a_plugin_gets_wrong_is_said),
		cmocka_unit_test(a_plugin_is_told_what_it_wants_to_know),
		cmocka_unit_test(a_token_file_is_read_again_when_its_link_is_swapped),
		cmocka_unit_test(a_token_file_that_breaks_leaves_the_last_token),
		cmocka_unit_test(a_file_that_holds_no_token_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
