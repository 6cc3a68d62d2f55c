/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/control.h"
#include "nft-sync/answer/control_queue.h"
#include "tests/unit/control_place.h"

#define FLOOD 20000 /* lines, more than sockets and queues hold */

/* A raw client that has got the answer to its request for a stream. */
static int begin_stream(struct place *place)
{
	int fd = connect_to(place);

	say(fd, "{\"stream\":1}\n");
	assert_string_equal(hear(place, fd), "{\"ok\":true}");
	assert_non_null(place->stream);
	return fd;
}

static void tell(const struct place *place, int number)
{
	cJSON *line = cJSON_CreateObject();

	cJSON_AddNumberToObject(line, "number", number);
	control_client_say(place->stream, line);
	cJSON_Delete(line);
}

static int number_in(const char *line)
{
	const char *number = strchr(line, ':');

	assert_non_null(number);
	return (int)strtol(number + 1, NULL, 10);
}

static void turn_often(struct place *place)
{
	for (int i = 0; i < 20; i++)
		turn(place);
}

static void lines_come_behind_the_answer_in_order(void **state)
{
	struct place *place = *state;
	int fd = begin_stream(place);

	for (int i = 0; i < 100; i++)
		tell(place, i);
	for (int i = 0; i < 100; i++)
		assert_int_equal(number_in(hear(place, fd)), i);
	assert_int_equal(control_client_missed(place->stream), 0);
	(void)close(fd);
}

static void a_client_that_leaves_is_told_once(void **state)
{
	struct place *place = *state;
	int fd = begin_stream(place);

	tell(place, 1);
	(void)close(fd);
	turn_often(place);
	assert_int_equal(place->gone, 1);
	assert_null(place->stream);
}

static void a_client_that_leaves_while_lines_wait_harms_nobody(void **state)
{
	struct place *place = *state;
	int fd = begin_stream(place);

	for (int i = 0; i < FLOOD; i++)
		tell(place, i);
	turn_often(place);
	(void)close(fd);
	turn_often(place);
	assert_int_equal(place->gone, 1);
	fd = begin_stream(place);
	tell(place, 7);
	assert_int_equal(number_in(hear(place, fd)), 7);
	(void)close(fd);
}

static void a_slow_client_misses_the_oldest_lines_and_is_counted(void **state)
{
	struct place *place = *state;
	int fd = begin_stream(place);
	int heard = 0;
	int number = -1;

	for (int i = 0; i < FLOOD; i++) {
		tell(place, i);
		if (i % 100 == 0)
			turn(place);
	}
	uint64_t missed = control_client_missed(place->stream);
	assert_true(missed > 0);
	while (number != FLOOD - 1) {
		int next = number_in(hear(place, fd));

		assert_true(next > number);
		number = next;
		heard++;
	}
	assert_int_equal(heard + (int)missed, FLOOD);
	(void)close(fd);
}

static void a_client_is_behind_until_it_has_read(void **state)
{
	struct place *place = *state;
	int fd = begin_stream(place);
	int number = -1;

	turn_often(place);
	assert_false(control_client_is_behind(place->stream));
	for (int i = 0; i < FLOOD; i++) {
		tell(place, i);
		if (i % 100 == 0)
			turn(place);
	}
	turn_often(place);
	assert_true(control_client_is_behind(place->stream));
	while (number != FLOOD - 1)
		number = number_in(hear(place, fd));
	turn_often(place);
	assert_false(control_client_is_behind(place->stream));
	(void)close(fd);
}

static void count_timers(uv_handle_t *handle, void *context)
{
	int *count = context;

	*count += uv_handle_get_type(handle) == UV_TIMER && uv_is_active(handle);
}

static void a_stream_is_not_let_go_for_its_silence(void **state)
{
	struct place *place = *state;
	int fd = begin_stream(place);
	int timers = 0;

	uv_walk(&place->loop, count_timers, &timers);
	assert_int_equal(timers, 0);
	(void)close(fd);
}

static void further_requests_of_a_stream_are_not_heard(void **state)
{
	struct place *place = *state;
	int fd = begin_stream(place);

	for (int i = 0; i < 5; i++) {
		say(fd, "{\"say\":\"more\"}\n");
		turn(place);
	}
	assert_int_equal(place->requests, 1);
	tell(place, 1);
	assert_int_equal(number_in(hear(place, fd)), 1);
	(void)close(fd);
}

static void requests_behind_that_for_a_stream_are_not_heard(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);

	say(fd, "{\"stream\":1}\n{\"say\":\"more\"}\n");
	assert_string_equal(hear(place, fd), "{\"ok\":true}");
	turn_often(place);
	assert_int_equal(place->requests, 1);
	(void)close(fd);
}

static void the_server_may_end_a_stream(void **state)
{
	struct place *place = *state;
	int fd = begin_stream(place);

	control_client_end(place->stream);
	assert_int_equal(place->gone, 1);
	assert_string_equal(hear(place, fd), "");
	(void)close(fd);
}

static void a_closing_server_ends_its_streams(void **state)
{
	struct place *place = *state;
	int fd = begin_stream(place);

	for (int i = 0; i < FLOOD; i++)
		tell(place, i);
	control_server_close(place->server);
	place->server = NULL;
	assert_int_equal(place->gone, 1);
	(void)uv_run(&place->loop, UV_RUN_DEFAULT);
	(void)close(fd);
}

/* The client of common/control.h */

static struct control_stream *join(struct place *place)
{
	struct control_stream *stream = NULL;
	struct error err = {0};
	cJSON *request = cJSON_Parse("{\"stream\":1}");

	assert_int_equal(control_stream_open(place->path, request, 1, &stream, &err), 0);
	cJSON_Delete(request);
	turn_often(place);
	return stream;
}

static void must_say(struct control_stream *stream, const char *expected)
{
	struct error err = {0};
	cJSON *line = NULL;
	char *text;

	assert_int_equal(control_stream_next(stream, &line, &err), 0);
	text = cJSON_PrintUnformatted(line);
	assert_string_equal(text, expected);
	cJSON_free(text);
	cJSON_Delete(line);
}

static int next_of(struct control_stream *stream)
{
	struct error err = {0};
	cJSON *line = NULL;
	int r = control_stream_next(stream, &line, &err);

	assert_null(line);
	return r;
}

static void the_client_takes_line_after_line_without_waiting(void **state)
{
	struct place *place = *state;
	struct control_stream *stream = join(place);

	must_say(stream, "{\"ok\":true}");
	assert_int_equal(next_of(stream), -EAGAIN);
	for (int i = 0; i < 3; i++)
		tell(place, i);
	turn_often(place);
	must_say(stream, "{\"number\":0}");
	must_say(stream, "{\"number\":1}");
	must_say(stream, "{\"number\":2}");
	assert_int_equal(next_of(stream), -EAGAIN);
	control_client_end(place->stream);
	turn_often(place);
	assert_int_equal(next_of(stream), -ECONNRESET);
	control_stream_close(stream);
}

/* A server that sends pieces of lines, long ones, and what is no JSON. */
static void the_client_waits_for_the_end_of_a_line(void **state)
{
	struct place *place = *state;
	int listener = listen_at(place->path);
	struct control_stream *stream = NULL;
	struct error err = {0};
	cJSON *request = cJSON_CreateObject();
	char *text = calloc(1, 10001);

	assert_int_equal(control_stream_open(place->path, request, 1, &stream, &err), 0);
	int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_non_null(text);
	memset(text, 'x', 10000);
	say(peer, "{\"a\":");
	assert_int_equal(next_of(stream), -EAGAIN);
	say(peer, "1}\n{\"b\":\"");
	must_say(stream, "{\"a\":1}");
	assert_int_equal(next_of(stream), -EAGAIN);
	say(peer, text);
	assert_int_equal(next_of(stream), -EAGAIN);
	say(peer, "\"}\n\nend\n");
	cJSON *line = NULL;
	assert_int_equal(control_stream_next(stream, &line, &err), 0);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "b")), text);
	assert_int_equal(next_of(stream), -EBADMSG);
	assert_int_equal(next_of(stream), -EBADMSG);
	assert_int_equal(next_of(stream), -EAGAIN);
	cJSON_Delete(line);
	cJSON_Delete(request);
	free(text);
	control_stream_close(stream);
	(void)close(peer);
	(void)close(listener);
}

static void a_full_queue_gives_its_oldest_line(void **state)
{
	struct control_queue queue = {0};
	size_t length;

	(void)state;
	assert_null(control_queue_take(&queue, &length));
	for (int i = 0; i < CONTROL_QUEUE_LINES + 3; i++) {
		char line[16];

		(void)snprintf(line, sizeof(line), "%d", i);
		control_queue_put(&queue, strdup(line));
	}
	assert_int_equal(queue.dropped, 3);
	char *text = control_queue_take(&queue, &length);
	assert_non_null(text);
	assert_memory_equal(text, "3\n4\n5\n", 6);
	assert_int_equal(text[length - 1], '\n');
	assert_int_equal(queue.count, 0);
	free(text);
	control_queue_put(&queue, strdup("last"));
	control_queue_clear(&queue);
	assert_int_equal(queue.count, 0);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, open_server, close_place)
#define ALONE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(lines_come_behind_the_answer_in_order),
		SERVED(a_client_that_leaves_is_told_once),
		SERVED(a_client_that_leaves_while_lines_wait_harms_nobody),
		SERVED(a_slow_client_misses_the_oldest_lines_and_is_counted),
		SERVED(a_client_is_behind_until_it_has_read),
		SERVED(a_stream_is_not_let_go_for_its_silence),
		SERVED(further_requests_of_a_stream_are_not_heard),
		SERVED(requests_behind_that_for_a_stream_are_not_heard),
		SERVED(the_server_may_end_a_stream),
		SERVED(a_closing_server_ends_its_streams),
		SERVED(the_client_takes_line_after_line_without_waiting),
		ALONE(the_client_waits_for_the_end_of_a_line),
		cmocka_unit_test(a_full_queue_gives_its_oldest_line),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
