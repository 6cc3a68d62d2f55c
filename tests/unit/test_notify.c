/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/run: waits */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/notify.h"

#define TURNS_MAX 5000 /* milliseconds until something must have happened */

/* systemd's side: a datagram socket that tests read. */
struct place {
	uv_loop_t loop;
	struct notify *notify;
	char directory[32];
	char path[64];
	int fd;
};

static void forget_environment(void)
{
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

static int open_place(void **state)
{
	static struct place place;
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	forget_environment();
	place = (struct place){.directory = "/tmp/podsg-notify-XXXXXX"};
	if (mkdtemp(place.directory) == NULL || uv_loop_init(&place.loop) < 0)
		return -1;
	(void)snprintf(place.path, sizeof(place.path), "%s/notify", place.directory);
	memcpy(address.sun_path, place.path, sizeof(place.path));
	place.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*state = &place;
	return bind(place.fd, (struct sockaddr *)&address, sizeof(address));
}

static int close_place(void **state)
{
	struct place *place = *state;

	notify_close(place->notify);
	(void)uv_run(&place->loop, UV_RUN_DEFAULT);
	forget_environment();
	(void)close(place->fd);
	(void)unlink(place->path);
	return uv_loop_close(&place->loop) < 0 ? -1 : rmdir(place->directory);
}

static void begin(struct place *place)
{
	struct error err = {0};

	(void)setenv("NOTIFY_SOCKET", place->path, 1);
	assert_int_equal(notify_open(&place->loop, &place->notify, &err), 0);
	assert_non_null(place->notify);
}

/* The next message; "" where none comes within so many milliseconds. Static. */
static const char *hear_within(struct place *place, int milliseconds)
{
	static char message[1024];

	for (; milliseconds > 0; milliseconds--) {
		struct pollfd poll_fd = {.fd = place->fd, .events = POLLIN};

		(void)uv_run(&place->loop, UV_RUN_NOWAIT);
		if (poll(&poll_fd, 1, 1) > 0) {
			ssize_t got = recv(place->fd, message, sizeof(message) - 1, 0);

			assert_true(got >= 0);
			message[got] = '\0';
			return message;
		}
	}
	return "";
}

static const char *hear(struct place *place)
{
	return hear_within(place, TURNS_MAX);
}

static void assert_silence(struct place *place)
{
	assert_string_equal(hear_within(place, 50), "");
}

static void without_anybody_to_tell_nothing_happens(void **state)
{
	struct place *place = *state;
	struct error err = {0};

	assert_int_equal(notify_open(&place->loop, &place->notify, &err), 0);
	assert_null(place->notify);
	notify_waiting(NULL);
	notify_ready(NULL);
	notify_reloading(NULL);
	notify_reloaded(NULL);
	notify_status(NULL, "x");
	notify_stopping(NULL);
	assert_silence(place);
}

static void readiness_is_told_once(void **state)
{
	struct place *place = *state;

	begin(place);
	assert_silence(place);
	notify_ready(place->notify);
	notify_ready(place->notify);
	assert_string_equal(hear(place), "READY=1");
	assert_silence(place);
}

static void who_waits_asks_for_time_until_it_is_ready(void **state)
{
	struct place *place = *state;

	begin(place);
	notify_waiting(place->notify);
	assert_string_equal(hear(place), "EXTEND_TIMEOUT_USEC=30000000");
	notify_ready(place->notify);
	assert_string_equal(hear(place), "READY=1");
	notify_waiting(place->notify);
	assert_silence(place);
}

static void a_reload_is_told_with_its_time_and_its_end(void **state)
{
	static const char wanted[] = "RELOADING=1\nMONOTONIC_USEC=";
	struct place *place = *state;
	struct timespec now;
	const char *message;

	begin(place);
	notify_ready(place->notify);
	(void)hear(place);
	notify_reloading(place->notify);
	message = hear(place);
	assert_int_equal(strncmp(message, wanted, sizeof(wanted) - 1), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_in_range(strtoull(message + sizeof(wanted) - 1, NULL, 10) / 1000000, now.tv_sec - 10,
	                now.tv_sec);
	notify_reloaded(place->notify);
	assert_string_equal(hear(place), "READY=1");
	notify_reloaded(place->notify);
	assert_silence(place);
}

/* systemd would take the end of the reload for readiness. */
static void a_reload_before_readiness_is_not_told(void **state)
{
	struct place *place = *state;

	begin(place);
	notify_reloading(place->notify);
	notify_reloaded(place->notify);
	assert_silence(place);
	notify_ready(place->notify);
	assert_string_equal(hear(place), "READY=1");
}

static void stopping_is_told(void **state)
{
	struct place *place = *state;

	begin(place);
	notify_stopping(place->notify);
	assert_string_equal(hear(place), "STOPPING=1");
}

static void a_status_is_told_when_it_is_another_one(void **state)
{
	struct place *place = *state;

	begin(place);
	notify_status(place->notify, "one");
	notify_status(place->notify, "one");
	assert_string_equal(hear(place), "STATUS=one");
	assert_string_equal(hear_within(place, 1200), "");
}

static void statuses_come_a_second_apart_and_the_last_one_does_come(void **state)
{
	struct place *place = *state;
	char text[32];

	begin(place);
	uv_update_time(&place->loop);
	const uint64_t since = uv_hrtime();
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "number %d", i);
		notify_status(place->notify, text);
	}
	assert_string_equal(hear(place), "STATUS=number 0");
	assert_string_equal(hear(place), "STATUS=number 99");
	assert_true(uv_hrtime() - since >= UINT64_C(900000000));
	assert_silence(place);
	notify_status(place->notify, "number 99");
	assert_string_equal(hear_within(place, 1200), "");
}

static void a_status_is_one_line_and_cut(void **state)
{
	struct place *place = *state;
	char text[2 * NOTIFY_STATUS_MAX];

	memset(text, 'x', sizeof(text));
	memcpy(text, "a\nb\nREADY=1\n", 12);
	text[sizeof(text) - 1] = '\0';
	begin(place);
	notify_status(place->notify, text);
	const char *message = hear(place);

	assert_int_equal(strncmp(message, "STATUS=a b READY=1 xxx", 22), 0);
	assert_int_equal(strlen(message), 7 + NOTIFY_STATUS_MAX - 1);
}

static void the_watchdog_is_fed_twice_as_often_as_it_asks(void **state)
{
	struct place *place = *state;

	(void)setenv("WATCHDOG_USEC", "400000", 1);
	begin(place);
	for (int i = 0; i < 5; i++)
		assert_string_equal(hear_within(place, 350), "WATCHDOG=1");
}

static void a_watchdog_of_another_process_is_not_fed(void **state)
{
	struct place *place = *state;

	(void)setenv("WATCHDOG_USEC", "20000", 1);
	(void)setenv("WATCHDOG_PID", "1", 1);
	begin(place);
	assert_silence(place);
}

static void a_watchdog_that_makes_no_sense_is_an_error(void **state)
{
	struct place *place = *state;
	struct error err = {0};

	(void)setenv("NOTIFY_SOCKET", place->path, 1);
	(void)setenv("WATCHDOG_USEC", "soon", 1);
	assert_true(notify_open(&place->loop, &place->notify, &err) < 0);
	assert_null(place->notify);
	assert_non_null(strstr(err.text, "watchdog"));
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(without_anybody_to_tell_nothing_happens),
		IN_PLACE(readiness_is_told_once),
		IN_PLACE(who_waits_asks_for_time_until_it_is_ready),
		IN_PLACE(a_reload_is_told_with_its_time_and_its_end),
		IN_PLACE(a_reload_before_readiness_is_not_told),
		IN_PLACE(stopping_is_told),
		IN_PLACE(a_status_is_told_when_it_is_another_one),
		IN_PLACE(statuses_come_a_second_apart_and_the_last_one_does_come),
		IN_PLACE(a_status_is_one_line_and_cut),
		IN_PLACE(the_watchdog_is_fed_twice_as_often_as_it_asks),
		IN_PLACE(a_watchdog_of_another_process_is_not_fed),
		IN_PLACE(a_watchdog_that_makes_no_sense_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
