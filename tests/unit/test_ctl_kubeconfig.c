/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/kube_config.h"
#include "nft-sync/ctl/kubeconfig.h"

#define SERVER "https://10.0.0.1:6443"
#define PEM "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
#define TOKEN "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"

static char directory[32];
static char paths[4][128];

enum file { FILE_TOKEN, FILE_CA, FILE_OUTPUT, FILE_STRANGE };

static void write_file(enum file file, const char *text)
{
	FILE *stream = fopen(paths[file], "we");

	assert_non_null(stream);
	assert_true(fputs(text, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
}

static int open_place(void **state)
{
	/* Quotes, a colon, a number sign and a line's end: what YAML and JSON would stumble over.
	 */
	static const char *const names[] = {"token", "ca.pem", "kubeconfig", "to\"k'en: #\n\\ä"};

	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/podsg-kubeconfig-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	for (size_t i = 0; i < 4; i++)
		(void)snprintf(paths[i], sizeof(paths[i]), "%s/%s", directory, names[i]);
	write_file(FILE_TOKEN, TOKEN "\n");
	write_file(FILE_CA, PEM);
	return 0;
}

static int close_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++)
		(void)unlink(paths[i]);
	return rmdir(directory);
}

static struct kubeconfig_options usual(void)
{
	return (struct kubeconfig_options){.server = SERVER,
	                                   .token_file = paths[FILE_TOKEN],
	                                   .ca_file = paths[FILE_CA],
	                                   .output = paths[FILE_OUTPUT]};
}

static struct kube_config *load(const char *path)
{
	struct kube_config *config = NULL;
	struct error err = {0};

	if (kube_config_load(path, &config, &err) < 0)
		fail_msg("%s", err.text);
	return config;
}

static void what_is_written_is_what_our_reader_reads(void **state)
{
	struct kubeconfig_options options = usual();
	struct error err = {0};
	struct stat file;

	(void)state;
	assert_int_equal(kubeconfig_run(&options, &err), 0);
	struct kube_config *config = load(paths[FILE_OUTPUT]);
	assert_string_equal(config->server, SERVER);
	assert_string_equal(config->token_file, paths[FILE_TOKEN]);
	assert_string_equal(config->ca_file, paths[FILE_CA]);
	assert_null(config->token);
	assert_null(config->ca_pem);
	assert_false(config->insecure);
	kube_config_free(config);
	assert_int_equal(stat(paths[FILE_OUTPUT], &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
}

static void the_token_itself_is_in_no_second_file(void **state)
{
	struct kubeconfig_options options = usual();
	struct buffer text = {0};

	(void)state;
	assert_int_equal(kubeconfig_text(&options, &text, NULL), 0);
	assert_null(strstr(text.text, TOKEN));
	buffer_done(&text);
}

static void strange_paths_are_written_as_they_are(void **state)
{
	struct kubeconfig_options options = usual();
	struct error err = {0};

	(void)state;
	write_file(FILE_STRANGE, TOKEN);
	options.token_file = paths[FILE_STRANGE];
	if (kubeconfig_run(&options, &err) < 0)
		fail_msg("%s", err.text);
	struct kube_config *config = load(paths[FILE_OUTPUT]);
	assert_string_equal(config->token_file, paths[FILE_STRANGE]);
	kube_config_free(config);
}

static void relative_paths_become_absolute(void **state)
{
	struct kubeconfig_options options = usual();
	struct buffer text = {0};
	struct kube_config *config = NULL;
	char before[4096];

	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(directory), 0);
	options.token_file = "token";
	assert_int_equal(kubeconfig_text(&options, &text, NULL), 0);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(kube_config_parse("/elsewhere", text.text, text.length, &config, NULL), 0);
	assert_string_equal(config->token_file, paths[FILE_TOKEN]);
	kube_config_free(config);
	buffer_done(&text);
}

static void what_could_not_work_is_refused_and_nothing_is_written(void **state)
{
	static const struct {
		const char *server, *token, *authority;
		const char *says;
	} rows[] = {
		{SERVER, "", PEM, "not a token"},
		{SERVER, " \n", PEM, "not a token"},
		{SERVER, "two words", PEM, "not a token"},
		{SERVER, "a\nb", PEM, "not a token"},
		{SERVER, TOKEN, "", "no certificate"},
		{SERVER, TOKEN, "-----BEGIN PRIVATE KEY-----\n", "no certificate"},
		{"http://10.0.0.1", TOKEN, PEM, "https://"},
		{"10.0.0.1:6443", TOKEN, PEM, "https://"},
		{"", TOKEN, PEM, "https://"},
		{"https://", TOKEN, PEM, "server"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kubeconfig_options options = usual();
		struct error err = {0};

		options.server = rows[i].server;
		write_file(FILE_TOKEN, rows[i].token);
		write_file(FILE_CA, rows[i].authority);
		if (kubeconfig_run(&options, &err) != -EINVAL)
			fail_msg("row %zu: not refused: %s", i, err.text);
		if (strstr(err.text, rows[i].says) == NULL)
			fail_msg("row %zu: %s", i, err.text);
		assert_int_equal(access(paths[FILE_OUTPUT], F_OK), -1);
	}
}

static void files_that_are_not_there_are_named(void **state)
{
	struct kubeconfig_options options = usual();
	struct error err = {0};

	(void)state;
	options.ca_file = paths[FILE_STRANGE];
	assert_int_equal(kubeconfig_run(&options, &err), -ENOENT);
	assert_non_null(strstr(err.text, directory));
}

static void a_file_that_stands_is_replaced_whole(void **state)
{
	struct kubeconfig_options options = usual();
	struct error err = {0};
	struct stat file;

	(void)state;
	write_file(FILE_OUTPUT, "an older and longer text that must not remain at the end\n");
	assert_int_equal(chmod(paths[FILE_OUTPUT], 0644), 0);
	assert_int_equal(kubeconfig_run(&options, &err), 0);
	kube_config_free(load(paths[FILE_OUTPUT]));
	assert_int_equal(stat(paths[FILE_OUTPUT], &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(what_is_written_is_what_our_reader_reads),
		PLACED(the_token_itself_is_in_no_second_file),
		PLACED(strange_paths_are_written_as_they_are),
		PLACED(relative_paths_become_absolute),
		PLACED(what_could_not_work_is_refused_and_nothing_is_written),
		PLACED(files_that_are_not_there_are_named),
		PLACED(a_file_that_stands_is_replaced_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
