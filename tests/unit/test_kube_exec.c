/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/run: waits */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/kube_exec.h"

#define V1 "client.authentication.k8s.io/v1"
#define PRINT(status)                                                                              \
	"echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{" status "}}'"
#define GENEROUS 30000
#define WAITERS 3

/* A plugin that is a line of shell, and those who wait for it. */
struct place {
	uv_loop_t loop;
	const char *arguments[3];
	const char *environment[2];
	struct kube_plugin plugin;
	struct kube_config config;
	struct kube_exec *exec;
	struct kube_exec_waiter waiters[WAITERS];
	unsigned told;
	bool close_when_told;
	struct error failure;
};

static void ready(void *context, const struct error *failure)
{
	struct place *place = context;

	place->told++;
	place->failure = failure ? *failure : (struct error){0};
	if (place->close_when_told) {
		kube_exec_close(place->exec);
		place->exec = NULL;
	}
}

static void set_up(struct place *place, const char *script, unsigned timeout)
{
	*place = (struct place){
		.arguments = {"-c", script},
		.plugin = {.api_version = V1, .command = "/bin/sh"},
		.config = {.file = "f", .user = "u", .server = "https://h"},
	};
	place->plugin.arguments = place->arguments;
	place->plugin.environment = place->environment;
	place->config.plugin = &place->plugin;
	for (size_t i = 0; i < WAITERS; i++)
		place->waiters[i] = (struct kube_exec_waiter){.ready = ready, .context = place};
	assert_int_equal(uv_loop_init(&place->loop), 0);
	assert_int_equal(kube_exec_open(&place->loop, &place->config, timeout, &place->exec, NULL),
	                 0);
}

static void tear_down(struct place *place)
{
	kube_exec_close(place->exec);
	uv_run(&place->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&place->loop), 0);
}

static void run_once(struct place *place)
{
	struct error err = {0};

	if (kube_exec_wait(place->exec, &place->waiters[0], &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(place->told, 0);
	uv_run(&place->loop, UV_RUN_DEFAULT);
	assert_int_equal(place->told, 1);
}

static void assert_token(const char *script, const char *token)
{
	struct place place;

	set_up(&place, script, GENEROUS);
	run_once(&place);
	if (place.failure.code < 0)
		fail_msg("%s: %s", script, place.failure.text);
	assert_non_null(kube_exec_credential(place.exec));
	assert_string_equal(kube_exec_credential(place.exec)->token, token);
	tear_down(&place);
}

static void assert_failure(const char *script, unsigned timeout, int code, const char *message)
{
	struct place place;

	set_up(&place, script, timeout);
	run_once(&place);
	assert_string_equal(place.failure.text, message);
	assert_int_equal(place.failure.code, code);
	assert_null(kube_exec_credential(place.exec));
	tear_down(&place);
}

static void what_the_plugin_prints_is_the_credential(void **state)
{
	(void)state;
	assert_token(PRINT("\"token\":\"abc\""), "abc");
	assert_token("echo warning >&2; sleep 0.1; " PRINT("\"token\":\"abc\""), "abc");
}

static void a_plugin_is_not_waited_for_beyond_its_exit(void **state)
{
	(void)state;
	assert_token("sleep 2 & " PRINT("\"token\":\"abc\""), "abc");
}

static void a_plugin_finds_what_it_is_to_know_in_the_environment(void **state)
{
	struct place place;

	(void)state;
	set_up(&place,
	       "test \"$A\" = b && test -n \"$PATH\" && case $KUBERNETES_EXEC_INFO in "
	       "*ExecCredential*) " PRINT("\"token\":\"t\"") ";; esac",
	       GENEROUS);
	place.environment[0] = "A=b";
	setenv("A", "not this", 1);
	setenv("KUBERNETES_EXEC_INFO", "nor this", 1);
	run_once(&place);
	assert_string_equal(place.failure.text, "");
	tear_down(&place);
	unsetenv("A");
	unsetenv("KUBERNETES_EXEC_INFO");
}

static void all_who_wait_share_one_run(void **state)
{
	struct place place;

	(void)state;
	set_up(&place, "sleep 0.1; " PRINT("\"token\":\"'$$'\""), GENEROUS);
	for (size_t i = 0; i < WAITERS; i++)
		assert_int_equal(kube_exec_wait(place.exec, &place.waiters[i], NULL), 0);
	uv_run(&place.loop, UV_RUN_DEFAULT);
	assert_int_equal(place.told, WAITERS);
	assert_int_equal(kube_exec_run(place.exec), 1);
	tear_down(&place);
}

static void who_forgets_is_not_told(void **state)
{
	struct place place;

	(void)state;
	set_up(&place, PRINT("\"token\":\"t\""), GENEROUS);
	assert_int_equal(kube_exec_wait(place.exec, &place.waiters[0], NULL), 0);
	assert_int_equal(kube_exec_wait(place.exec, &place.waiters[1], NULL), 0);
	kube_exec_forget(&place.waiters[0]);
	uv_run(&place.loop, UV_RUN_DEFAULT);
	assert_int_equal(place.told, 1);
	tear_down(&place);
}

static void closing_while_it_runs_kills_it(void **state)
{
	struct place place;
	time_t start = time(NULL);

	(void)state;
	set_up(&place, "sleep 100", GENEROUS);
	assert_int_equal(kube_exec_wait(place.exec, &place.waiters[0], NULL), 0);
	tear_down(&place);
	assert_int_equal(place.told, 0);
	assert_true(time(NULL) - start < 50);
}

static void who_is_told_may_close(void **state)
{
	struct place place;

	(void)state;
	set_up(&place, PRINT("\"token\":\"t\""), GENEROUS);
	place.close_when_told = true;
	for (size_t i = 0; i < WAITERS; i++)
		assert_int_equal(kube_exec_wait(place.exec, &place.waiters[i], NULL), 0);
	uv_run(&place.loop, UV_RUN_DEFAULT);
	assert_int_equal(place.told, 1);
	tear_down(&place);
}

static void a_plugin_that_fails_is_quoted(void **state)
{
	(void)state;
	assert_failure("echo first >&2; printf 'no\\033[1m credentials\\n\\n' >&2; exit 3",
	               GENEROUS, -EIO,
	               "f: user \"u\": exec /bin/sh: exit status 3: first no [1m credentials");
	assert_failure("kill -9 $$", GENEROUS, -EIO,
	               "f: user \"u\": exec /bin/sh: killed by signal 9");
	assert_failure("exit 1", GENEROUS, -EIO, "f: user \"u\": exec /bin/sh: exit status 1");
	assert_failure("echo hello", GENEROUS, -EBADMSG,
	               "f: user \"u\": exec /bin/sh: printed something that is not JSON");
	assert_failure("true", GENEROUS, -EBADMSG, "f: user \"u\": exec /bin/sh: printed nothing");
	assert_failure(PRINT("\"token\":\"t\",\"expirationTimestamp\":\"2001-01-01T00:00:00Z\""),
	               GENEROUS, -EKEYEXPIRED,
	               "f: user \"u\": exec /bin/sh: printed credentials that have expired: is the "
	               "clock right?");
}

static void only_the_end_of_a_long_complaint_is_quoted(void **state)
{
	struct place place;

	(void)state;
	set_up(&place, "seq 20000 >&2; echo 'the reason' >&2; exit 1", GENEROUS);
	run_once(&place);
	assert_non_null(strstr(place.failure.text, "19999 20000 the reason"));
	tear_down(&place);
}

static void a_plugin_that_prints_without_end_is_ended(void **state)
{
	struct place place;

	(void)state;
	assert_failure("yes", GENEROUS, -EMSGSIZE,
	               "f: user \"u\": exec /bin/sh: prints more than it may");
	set_up(&place, "yes >&2", GENEROUS);
	run_once(&place);
	assert_int_equal(place.failure.code, -EMSGSIZE);
	assert_non_null(strstr(place.failure.text, "prints more than it may: y y y"));
	tear_down(&place);
}

static void a_plugin_that_hangs_is_ended_with_what_it_started(void **state)
{
	char path[] = "/tmp/podsg-exec-XXXXXX";
	int fd = mkstemp(path);
	char script[128];
	char line[32];
	int pid;
	FILE *file;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	(void)snprintf(script, sizeof(script), "sleep 1000 & echo $! >%s; echo patience >&2; wait",
	               path);
	assert_failure(script, 2500, -ETIMEDOUT,
	               "f: user \"u\": exec /bin/sh: did not end within 2.5 s: patience");
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	pid = (int)strtol(line, NULL, 10);
	assert_true(pid > 1);
	(void)fclose(file);
	(void)unlink(path);
	/* Whoever adopted it may take a moment to reap it. */
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
		uv_sleep(10);
	assert_true(kill(pid, 0) < 0 && errno == ESRCH);
}

static void a_plugin_has_no_terminal_and_no_input(void **state)
{
	struct place place;

	(void)state;
	set_up(&place, "read password </dev/tty || exit 7", GENEROUS);
	run_once(&place);
	assert_non_null(strstr(place.failure.text, "exit status "));
	assert_non_null(strstr(place.failure.text, "/dev/tty"));
	tear_down(&place);
	assert_failure("read password || exit 7", GENEROUS, -EIO,
	               "f: user \"u\": exec /bin/sh: exit status 7");
}

static void a_plugin_that_is_not_there_is_named_with_its_hint(void **state)
{
	struct place place;
	struct error err = {0};

	(void)state;
	set_up(&place, "", GENEROUS);
	place.plugin.command = "podsg-no-such-plugin";
	place.plugin.install_hint = "install it";
	assert_int_equal(kube_exec_wait(place.exec, &place.waiters[0], &err), -ENOENT);
	assert_string_equal(err.text, "f: user \"u\": exec podsg-no-such-plugin: cannot be run: "
	                              "No such file or directory: install it");
	tear_down(&place);
	assert_int_equal(place.told, 0);
}

static void behind_a_failure_there_is_a_pause(void **state)
{
	struct place place;
	struct error err = {0};

	(void)state;
	set_up(&place, "exit 1", GENEROUS);
	run_once(&place);
	assert_int_equal(kube_exec_wait(place.exec, &place.waiters[0], &err), -EIO);
	assert_string_equal(err.text, place.failure.text);
	uv_sleep(1100);
	uv_update_time(&place.loop);
	assert_int_equal(kube_exec_wait(place.exec, &place.waiters[0], NULL), 0);
	uv_run(&place.loop, UV_RUN_DEFAULT);
	assert_int_equal(place.told, 2);
	tear_down(&place);
}

static void credentials_are_used_until_shortly_before_they_expire(void **state)
{
	static const struct {
		int life; /* seconds */
		bool later_valid;
	} cases[] = {{3600, true}, {5, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct place place;
		char script[256];
		char text[32];
		time_t expires = time(NULL) + cases[i].life;
		struct tm parts;

		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ",
		               gmtime_r(&expires, &parts));
		(void)snprintf(script, sizeof(script),
		               PRINT("\"token\":\"t\",\"expirationTimestamp\":\"%s\""), text);
		set_up(&place, script, GENEROUS);
		run_once(&place);
		assert_string_equal(place.failure.text, "");
		while (!cases[i].later_valid && time(NULL) < expires)
			uv_sleep(100);
		assert_int_equal(kube_exec_credential(place.exec) != NULL, cases[i].later_valid);
		tear_down(&place);
	}
}

static void new_credentials_that_are_refused_are_not_fetched_again(void **state)
{
	struct place place;

	(void)state;
	set_up(&place, PRINT("\"token\":\"t\""), GENEROUS);
	run_once(&place);
	assert_false(kube_exec_refused(place.exec, kube_exec_run(place.exec)));
	assert_non_null(kube_exec_credential(place.exec));
	assert_true(kube_exec_refused(place.exec, kube_exec_run(place.exec) - 1));
	tear_down(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_plugin_prints_is_the_credential),
		cmocka_unit_test(a_plugin_is_not_waited_for_beyond_its_exit),
		cmocka_unit_test(a_plugin_finds_what_it_is_to_know_in_the_environment),
		cmocka_unit_test(all_who_wait_share_one_run),
		cmocka_unit_test(who_forgets_is_not_told),
		cmocka_unit_test(closing_while_it_runs_kills_it),
		cmocka_unit_test(who_is_told_may_close),
		cmocka_unit_test(a_plugin_that_fails_is_quoted),
		cmocka_unit_test(only_the_end_of_a_long_complaint_is_quoted),
		cmocka_unit_test(a_plugin_that_prints_without_end_is_ended),
		cmocka_unit_test(a_plugin_that_hangs_is_ended_with_what_it_started),
		cmocka_unit_test(a_plugin_has_no_terminal_and_no_input),
		cmocka_unit_test(a_plugin_that_is_not_there_is_named_with_its_hint),
		cmocka_unit_test(behind_a_failure_there_is_a_pause),
		cmocka_unit_test(credentials_are_used_until_shortly_before_they_expire),
		cmocka_unit_test(new_credentials_that_are_refused_are_not_fetched_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
