/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/control.h"
#include "tests/unit/control_place.h"

#define SOME_TURNS 20

static void turn_often(struct place *place)
{
	for (int i = 0; i < SOME_TURNS; i++)
		turn(place);
}

/* A raw client that waits for its answer. */
static int begin_waiting(struct place *place)
{
	int fd = connect_to(place);
	say(fd, "{\"later\":1}\n");
	turn_often(place);
	assert_non_null(place->later);
	return fd;
}

static bool has_heard(int fd)
{
	struct pollfd heard = {.fd = fd, .events = POLLIN};
	return poll(&heard, 1, 0) > 0;
}

static void answer_now(struct place *place, double number)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddNumberToObject(answer, "number", number);
	control_client_answer(place->later, answer);
}

static void the_answer_comes_when_it_is_given(void **state)
{
	struct place *place = *state;
	int fd = begin_waiting(place);
	assert_false(has_heard(fd));
	answer_now(place, 7);
	assert_string_equal(hear(place, fd), "{\"number\":7}");
	(void)close(fd);
	turn_often(place);
	assert_int_equal(place->gone, 0);
}

static void requests_behind_it_wait_for_it(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);
	say(fd, "{\"later\":1}\n{\"say\":\"second\"}\n");
	turn_often(place);
	say(fd, "{\"say\":\"third\"}\n");
	turn_often(place);
	assert_int_equal(place->requests, 1);
	assert_false(has_heard(fd));
	answer_now(place, 1);
	assert_string_equal(hear(place, fd), "{\"number\":1}");
	assert_string_equal(hear(place, fd), "{\"ok\":true,\"said\":\"second\"}");
	assert_string_equal(hear(place, fd), "{\"ok\":true,\"said\":\"third\"}");
	(void)close(fd);
}

static void two_in_a_row(void **state)
{
	struct place *place = *state;
	int fd = begin_waiting(place);
	for (int i = 0; i < 3; i++) {
		answer_now(place, i);
		assert_true(hear(place, fd)[0] == '{');
		say(fd, "{\"later\":1}\n");
		turn_often(place);
		assert_int_equal(place->requests, i + 2);
	}
	(void)close(fd);
	turn_often(place);
}

static void a_client_that_leaves_is_told_once(void **state)
{
	struct place *place = *state;
	int fd = begin_waiting(place);
	(void)close(fd);
	turn_often(place);
	assert_int_equal(place->gone, 1);
	assert_null(place->later);
}

static void a_client_that_says_too_much_meanwhile_is_let_go(void **state)
{
	struct place *place = *state;
	char *text = calloc(1, CONTROL_REQUEST_MAX + 2);
	int fd = begin_waiting(place);
	assert_non_null(text);
	memset(text, ' ', CONTROL_REQUEST_MAX + 1);
	say(fd, text);
	free(text);
	for (int turns = 0; place->gone == 0 && turns < 1000; turns++)
		turn(place);
	assert_int_equal(place->gone, 1);
	(void)close(fd);
}

static void a_server_that_closes_tells_who_waits(void **state)
{
	struct place *place = *state;
	int fd = begin_waiting(place);
	control_server_close(place->server);
	place->server = NULL;
	turn_often(place);
	assert_int_equal(place->gone, 1);
	(void)close(fd);
}

static void no_memory_for_the_answer_ends_the_connection(void **state)
{
	struct place *place = *state;
	int fd = begin_waiting(place);
	control_client_answer(place->later, NULL);
	assert_string_equal(hear(place, fd), "");
	assert_int_equal(place->gone, 0);
	(void)close(fd);
}

static void count_active_timers(uv_handle_t *handle, void *context)
{
	int *active = context;
	*active += uv_handle_get_type(handle) == UV_TIMER && uv_is_active(handle);
}

static void who_waits_is_not_let_go_for_its_silence(void **state)
{
	struct place *place = *state;
	int active = 0;
	int fd = begin_waiting(place);
	uv_walk(&place->loop, count_active_timers, &active);
	assert_int_equal(active, 0);
	answer_now(place, 1);
	(void)hear(place, fd);
	uv_walk(&place->loop, count_active_timers, &active);
	assert_int_equal(active, 1);
	(void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_server, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_answer_comes_when_it_is_given),
		TEST(requests_behind_it_wait_for_it),
		TEST(two_in_a_row),
		TEST(a_client_that_leaves_is_told_once),
		TEST(a_client_that_says_too_much_meanwhile_is_let_go),
		TEST(a_server_that_closes_tells_who_waits),
		TEST(no_memory_for_the_answer_ends_the_connection),
		TEST(who_waits_is_not_let_go_for_its_silence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
