/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/control.h"
#include "tests/unit/control_place.h"

static bool is_closed(struct place *place, int fd)
{
	return hear(place, fd)[0] == '\0';
}

static void a_request_gets_its_answer(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);

	say(fd, "{\"say\":\"hello\"}\n");
	assert_string_equal(hear(place, fd), "{\"ok\":true,\"said\":\"hello\"}");
	(void)close(fd);
}

static void a_request_may_come_in_pieces(void **state)
{
	static const char request[] = "{\"say\":\"piece by piece\"}\n";
	struct place *place = *state;
	int fd = connect_to(place);

	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		char piece[2] = {request[i]};

		assert_int_equal(place->requests, 0);
		say(fd, piece);
		turn(place);
	}
	assert_string_equal(hear(place, fd), "{\"ok\":true,\"said\":\"piece by piece\"}");
	(void)close(fd);
}

static void requests_in_one_write_are_answered_in_order(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);

	say(fd, "{\"say\":\"1\"}\n{\"say\":\"2\"}\r\n{\"say\":\"3\"}\n{\"say\":");
	assert_string_equal(hear(place, fd), "{\"ok\":true,\"said\":\"1\"}");
	assert_string_equal(hear(place, fd), "{\"ok\":true,\"said\":\"2\"}");
	assert_string_equal(hear(place, fd), "{\"ok\":true,\"said\":\"3\"}");
	say(fd, "\"4\"}\n");
	assert_string_equal(hear(place, fd), "{\"ok\":true,\"said\":\"4\"}");
	(void)close(fd);
}

static void what_is_no_object_is_refused_and_the_next_line_is_heard(void **state)
{
	static const char *const rows[] = {"",     "garbage",        "[]",
	                                   "7",    "{\"say\":",      "{\"say\":\"a\"} and more",
	                                   "null", "\x80\xff\x1b[m", "{\"say\":\"a\"}{}"};
	struct place *place = *state;
	int fd = connect_to(place);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		say(fd, rows[i]);
		say(fd, "\n");
		assert_string_equal(hear(place, fd), "{\"ok\":false,\"error\":\"expected a line "
		                                     "that is a JSON object\"}");
	}
	assert_int_equal(place->requests, 0);
	say(fd, "{\"say\":\"x\"}\n");
	assert_string_equal(hear(place, fd), "{\"ok\":true,\"said\":\"x\"}");
	(void)close(fd);
}

static void nesting_without_end_is_refused(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);
	char line[CONTROL_REQUEST_MAX];

	memset(line, '[', sizeof(line) - 1);
	memcpy(line, "{\"a\":", 5);
	line[sizeof(line) - 2] = '\n';
	line[sizeof(line) - 1] = '\0';
	say(fd, line);
	assert_non_null(strstr(hear(place, fd), "\"ok\":false"));
	(void)close(fd);
}

/* A request of that many bytes, its end included. */
static void say_long(int fd, size_t length)
{
	char *line = calloc(1, length + 1);

	assert_non_null(line);
	memset(line, 'x', length);
	memcpy(line, "{\"say\":\"", 8);
	memcpy(line + length - 3, "\"}\n", 3);
	say(fd, line);
	free(line);
}

static void the_longest_line_is_answered_and_a_longer_one_ends_the_connection(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);

	say_long(fd, CONTROL_REQUEST_MAX);
	assert_non_null(strstr(hear(place, fd), "\"ok\":true"));
	say_long(fd, CONTROL_REQUEST_MAX + 1);
	assert_true(is_closed(place, fd));
	assert_int_equal(place->requests, 1);
	(void)close(fd);
}

/* Both ends of each connection are in this process. */
static void allow_descriptors(rlim_t count)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur >= count)
		return;
	limit.rlim_cur = count < limit.rlim_max ? count : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void a_client_too_many_is_turned_away_until_another_leaves(void **state)
{
	struct place *place = *state;
	int fds[CONTROL_CLIENTS_MAX];

	allow_descriptors(3 * CONTROL_CLIENTS_MAX);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		fds[i] = connect_to(place);
	int more = connect_to(place);
	assert_true(is_closed(place, more));
	(void)close(more);
	say(fds[CONTROL_CLIENTS_MAX - 1], "{}\n");
	assert_string_equal(hear(place, fds[CONTROL_CLIENTS_MAX - 1]), "{\"ok\":true}");
	(void)close(fds[0]);
	turn(place);
	fds[0] = connect_to(place);
	say(fds[0], "{}\n");
	assert_string_equal(hear(place, fds[0]), "{\"ok\":true}");
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		(void)close(fds[i]);
}

static void find_timer(uv_handle_t *handle, void *context)
{
	uv_timer_t **found = context;

	if (uv_handle_get_type(handle) == UV_TIMER)
		*found = (uv_timer_t *)handle;
}

static uv_timer_t *timer_of(struct place *place)
{
	uv_timer_t *timer = NULL;

	uv_walk(&place->loop, find_timer, &timer);
	assert_non_null(timer);
	return timer;
}

static void a_client_that_says_nothing_is_let_go_after_its_time(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);
	uv_timer_t *timer = timer_of(place);

	assert_in_range(uv_timer_get_due_in(timer), (CONTROL_IDLE_SECONDS - 5) * 1000,
	                CONTROL_IDLE_SECONDS * 1000);
	assert_int_equal(uv_timer_start(timer, timer->timer_cb, 10, CONTROL_IDLE_SECONDS * 1000),
	                 0);
	assert_true(is_closed(place, fd));
	(void)close(fd);
}

static void every_byte_puts_the_end_of_patience_off(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);
	uv_timer_t *timer = timer_of(place);

	assert_int_equal(uv_timer_start(timer, timer->timer_cb, 5000, CONTROL_IDLE_SECONDS * 1000),
	                 0);
	say(fd, "{");
	for (int i = 0; i < 10; i++)
		turn(place);
	assert_true(uv_timer_get_due_in(timer) > (CONTROL_IDLE_SECONDS - 5) * 1000);
	(void)close(fd);
}

static void a_client_that_leaves_before_its_answer_harms_nobody(void **state)
{
	struct place *place = *state;
	int gone = connect_to(place);
	int half = connect_to(place);

	say(gone, "{\"large\":1}\n{\"large\":1}\n");
	(void)close(gone);
	say(half, "{\"large\":1}\n");
	for (int i = 0; i < 10; i++)
		turn(place);
	(void)close(half);
	int fd = connect_to(place);
	say(fd, "{}\n");
	assert_string_equal(hear(place, fd), "{\"ok\":true}");
	(void)close(fd);
}

static void the_server_closes_while_answers_are_under_way(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);
	int silent = connect_to(place);

	say(fd, "{\"large\":1}\n");
	for (int i = 0; i < 10; i++)
		turn(place);
	assert_int_equal(place->requests, 1);
	control_server_close(place->server);
	place->server = NULL;
	assert_int_equal(uv_run(&place->loop, UV_RUN_DEFAULT), 0);
	(void)close(fd);
	(void)close(silent);
}

static void the_socket_is_for_its_owner_and_group_only(void **state)
{
	struct place *place = *state;
	struct stat status;

	assert_int_equal(stat(place->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
}

static void a_living_server_is_not_pushed_aside(void **state)
{
	struct place *place = *state;
	struct control_server *second = NULL;
	struct error err = {0};

	assert_int_equal(
		control_server_open(&place->loop, place->path, answer, place, &err, &second),
		-EADDRINUSE);
	assert_non_null(strstr(err.text, place->path));
	assert_null(second);
	int fd = connect_to(place);
	say(fd, "{}\n");
	assert_string_equal(hear(place, fd), "{\"ok\":true}");
	(void)close(fd);
}

static void a_busy_server_counts_as_a_living_one(void **state)
{
	struct place *place = *state;
	struct error err = {0};
	int busy = listen_at(place->path);
	int waiting = connect_to(place);

	(void)alarm(10);
	assert_int_equal(serve(place, &err), -EADDRINUSE);
	(void)alarm(0);
	(void)close(waiting);
	(void)close(busy);
}

static void the_socket_of_a_dead_process_is_replaced(void **state)
{
	struct place *place = *state;
	struct error err = {0};

	(void)close(listen_at(place->path));
	assert_int_equal(serve(place, &err), 0);
	int fd = connect_to(place);
	say(fd, "{}\n");
	assert_string_equal(hear(place, fd), "{\"ok\":true}");
	(void)close(fd);
}

static void a_file_in_the_way_is_left_alone(void **state)
{
	struct place *place = *state;
	struct error err = {0};
	int fd = open(place->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(serve(place, &err), -EEXIST);
	assert_int_equal(access(place->path, F_OK), 0);
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
	struct place *place = *state;
	struct error err = {0};
	char good[sizeof(place->path)];

	memcpy(good, place->path, sizeof(good));
	(void)snprintf(place->path, sizeof(place->path), "%.30s/no/sock", place->directory);
	assert_int_equal(serve(place, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no/sock"));
	memcpy(place->path, good, sizeof(good));
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, open_server, close_place)
#define ALONE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(a_request_gets_its_answer),
		SERVED(a_request_may_come_in_pieces),
		SERVED(requests_in_one_write_are_answered_in_order),
		SERVED(what_is_no_object_is_refused_and_the_next_line_is_heard),
		SERVED(nesting_without_end_is_refused),
		SERVED(the_longest_line_is_answered_and_a_longer_one_ends_the_connection),
		SERVED(a_client_too_many_is_turned_away_until_another_leaves),
		SERVED(a_client_that_says_nothing_is_let_go_after_its_time),
		SERVED(every_byte_puts_the_end_of_patience_off),
		SERVED(a_client_that_leaves_before_its_answer_harms_nobody),
		SERVED(the_server_closes_while_answers_are_under_way),
		SERVED(the_socket_is_for_its_owner_and_group_only),
		SERVED(a_living_server_is_not_pushed_aside),
		ALONE(a_busy_server_counts_as_a_living_one),
		ALONE(the_socket_of_a_dead_process_is_replaced),
		ALONE(a_file_in_the_way_is_left_alone),
		ALONE(a_directory_that_is_not_there_is_an_error),
	};

	/* As the daemon: whoever writes to a client that has left is told so, not killed. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
