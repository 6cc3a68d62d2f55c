/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tests/run: waits */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/http_server.h"

#define TURNS_MAX 2000                     /* until something must have happened */
#define LARGE (8U << 20)                   /* more than a socket's buffers hold */
#define TEXT_MAX (LARGE + 1024)            /* of an answer */
#define PATIENCE (3 * HTTP_SERVER_SECONDS) /* seconds for what a deadline brings about */

struct place {
	uv_loop_t loop;
	struct http_server *server;
	char address[32];
	uint16_t port;
	unsigned requests;
	char *text; /* of the last answer */
	size_t used;
};

static void answer(void *context, const char *path, struct http_reply *reply)
{
	struct place *place = context;

	place->requests++;
	if (strcmp(path, "/hello") == 0) {
		reply->status = 200;
		reply->body = strdup("hello\n");
		reply->length = strlen(reply->body);
	}
	if (strcmp(path, "/ill") == 0) {
		reply->status = 503;
		reply->body = strdup("ill\n");
		reply->length = strlen(reply->body);
	}
	if (strcmp(path, "/large") == 0) {
		reply->status = 200;
		reply->type = "text/x-large";
		reply->length = LARGE;
		reply->body = malloc(LARGE);
		assert_non_null(reply->body);
		memset(reply->body, 'x', LARGE);
	}
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	                            .sin_port = htons(port),
	                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool is_free(uint16_t port)
{
	struct sockaddr_in everywhere = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	bool is_free;

	assert_true(fd >= 0);
	/* As libuv binds. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	is_free = bind(fd, (struct sockaddr *)&everywhere, sizeof(everywhere)) == 0;
	(void)close(fd);
	return is_free;
}

/* Of those that the kernel gives to nobody who does not ask: it stays free until it is bound. */
static uint16_t free_port(void)
{
	uint16_t first = (uint16_t)(4000 + getpid() % 5000);

	for (uint16_t i = 0; i < 1000; i++)
		if (is_free(first + i))
			return first + i;
	fail_msg("no port is free");
	return 0;
}

static int open_place(void **state)
{
	static struct place place;
	struct error err = {0};

	place = (struct place){.port = free_port()};
	(void)snprintf(place.address, sizeof(place.address), "127.0.0.1:%u", place.port);
	*state = &place;
	if (uv_loop_init(&place.loop) < 0)
		return -1;
	return http_server_open(&place.loop, place.address, answer, &place, &err, &place.server);
}

static int close_place(void **state)
{
	struct place *place = *state;

	http_server_close(place->server);
	(void)uv_run(&place->loop, UV_RUN_DEFAULT);
	free(place->text);
	return uv_loop_close(&place->loop);
}

static void turn(struct place *place)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	(void)uv_run(&place->loop, UV_RUN_NOWAIT);
	(void)nanosleep(&pause, NULL);
}

static int connect_to(struct place *place)
{
	struct sockaddr_in address = loopback(place->port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	for (int i = 0; i < 3; i++)
		turn(place);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) > 0;
}

/* One piece of the answer; false: the server has closed the connection. */
static bool hear_more(struct place *place, int fd)
{
	ssize_t got = recv(fd, place->text + place->used, TEXT_MAX - place->used, 0);

	if (got > 0)
		place->used += (size_t)got;
	place->text[place->used] = '\0';
	return got > 0;
}

/* Everything until the server closes the connection. */
static const char *hear(struct place *place, int fd)
{
	free(place->text);
	place->text = malloc(TEXT_MAX + 1);
	assert_non_null(place->text);
	place->used = 0;
	for (int turns = 0; turns < TURNS_MAX; turns++) {
		turn(place);
		while (is_readable(fd))
			if (!hear_more(place, fd))
				return place->text;
	}
	fail_msg("the connection stays open");
	return "";
}

static const char *ask(struct place *place, const char *request)
{
	int fd = connect_to(place);
	const char *text;

	say(fd, request);
	text = hear(place, fd);
	(void)close(fd);
	return text;
}

static void a_path_gets_what_its_handler_says(void **state)
{
	const char *text = ask(*state, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");

	assert_string_equal(text, "HTTP/1.1 200 OK\r\n"
	                          "Content-Type: text/plain; charset=utf-8\r\n"
	                          "Content-Length: 6\r\n"
	                          "Cache-Control: no-store\r\n"
	                          "Connection: close\r\n\r\nhello\n");
}

static void head_gets_the_same_without_the_body(void **state)
{
	const char *text = ask(*state, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");

	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(text, "Content-Length: 6\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

static void a_refusal_is_its_status(void **state)
{
	static const struct {
		const char *request;
		const char *status;
	} rows[] = {
		{"GET /nowhere HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n"},
		{"GET /ill HTTP/1.1\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n"},
		{"POST /hello HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
	         "HTTP/1.1 405 Method Not Allowed\r\n"},
		{"garbage\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
		{"\x16\x03\x01\x02\n\n", "HTTP/1.1 400 Bad Request\r\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = ask(*state, rows[i].request);

		assert_int_equal(strncmp(text, rows[i].status, strlen(rows[i].status)), 0);
	}
}

static void what_is_refused_never_comes_to_the_handler(void **state)
{
	struct place *place = *state;

	(void)ask(place, "POST /hello HTTP/1.1\r\n\r\n");
	(void)ask(place, "garbage\r\n\r\n");
	assert_int_equal(place->requests, 0);
}

static void a_request_may_come_in_pieces(void **state)
{
	static const char request[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
	struct place *place = *state;
	int fd = connect_to(place);

	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		char piece[2] = {request[i]};

		assert_int_equal(place->requests, 0);
		say(fd, piece);
		turn(place);
	}
	assert_non_null(strstr(hear(place, fd), "\r\n\r\nhello\n"));
	(void)close(fd);
}

static void of_many_requests_in_one_write_the_first_is_answered(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);

	for (int i = 0; i < 1000; i++)
		say(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	(void)shutdown(fd, SHUT_WR);
	assert_non_null(strstr(hear(place, fd), "\r\n\r\nhello\n"));
	assert_int_equal(place->requests, 1);
	(void)close(fd);
}

static void a_large_answer_arrives_whole(void **state)
{
	struct place *place = *state;
	const char *text = ask(place, "GET /large HTTP/1.1\r\n\r\n");
	const char *body = strstr(text, "\r\n\r\n");

	assert_non_null(strstr(text, "Content-Type: text/x-large\r\n"));
	assert_non_null(body);
	assert_int_equal(strlen(body), LARGE + 4);
}

static void a_head_without_end_is_refused_at_its_limit(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);
	const char *text;

	say(fd, "GET /hello HTTP/1.1\r\n");
	for (size_t sent = 0; sent < 2 * HTTP_SERVER_HEAD_MAX; sent += 64)
		say(fd, "Cookie: 0123456789012345678901234567890123456789012345678901234\r\n");
	text = hear(place, fd);
	assert_non_null(strstr(text, "HTTP/1.1 431 "));
	assert_int_equal(place->requests, 0);
	(void)close(fd);
}

/* A byte now and then does not buy more time. */
static void a_slow_head_is_cut_off(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);
	time_t begin = time(NULL);

	say(fd, "GET /hello HTTP/1.1\r\n");
	for (;;) {
		for (int i = 0; i < 100 && !is_readable(fd); i++)
			turn(place);
		if (is_readable(fd))
			break;
		assert_in_range(time(NULL) - begin, 0, PATIENCE);
		(void)send(fd, "x", 1, MSG_NOSIGNAL);
	}
	assert_string_equal(hear(place, fd), "");
	assert_in_range(time(NULL) - begin, HTTP_SERVER_SECONDS - 1, PATIENCE);
	(void)close(fd);
}

static void whoever_does_not_read_the_answer_is_cut_off(void **state)
{
	struct place *place = *state;
	int fd = connect_to(place);
	time_t begin = time(NULL);

	say(fd, "GET /large HTTP/1.1\r\n\r\n");
	while (time(NULL) - begin <= HTTP_SERVER_SECONDS + 1)
		turn(place);
	(void)hear(place, fd);
	assert_true(place->used < LARGE);
	(void)close(fd);
}

/* Those who only hold connections keep nobody out. */
static void one_client_too_many_takes_the_place_of_the_oldest(void **state)
{
	struct place *place = *state;
	int held[HTTP_SERVER_CLIENTS_MAX];

	for (int i = 0; i < HTTP_SERVER_CLIENTS_MAX; i++)
		held[i] = connect_to(place);
	assert_non_null(strstr(ask(place, "GET /hello HTTP/1.1\r\n\r\n"), "hello\n"));
	assert_string_equal(hear(place, held[0]), "");
	say(held[1], "GET /hello HTTP/1.1\r\n\r\n");
	assert_non_null(strstr(hear(place, held[1]), "hello\n"));
	for (int i = 0; i < HTTP_SERVER_CLIENTS_MAX; i++)
		(void)close(held[i]);
}

static void clients_that_vanish_cost_nothing(void **state)
{
	static const char *const rows[] = {"", "GET", "GET /large HTTP/1.1\r\n\r\n"};
	const struct linger reset = {.l_onoff = 1};
	struct place *place = *state;

	for (size_t i = 0; i < 3 * HTTP_SERVER_CLIENTS_MAX; i++) {
		int fd = connect_to(place);

		if (rows[i % 3][0] != '\0')
			say(fd, rows[i % 3]);
		if (i % 2 == 0)
			(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		turn(place);
		(void)close(fd);
	}
	assert_non_null(strstr(ask(place, "GET /hello HTTP/1.1\r\n\r\n"), "hello\n"));
}

static void a_server_closes_while_clients_are_there(void **state)
{
	struct place *place = *state;
	int waiting = connect_to(place);
	int reading = connect_to(place);

	say(reading, "GET /large HTTP/1.1\r\n\r\n");
	for (int i = 0; i < 5; i++)
		turn(place);
	http_server_close(place->server);
	place->server = NULL;
	assert_string_equal(hear(place, waiting), "");
	(void)close(waiting);
	(void)close(reading);
}

static void an_address_in_use_is_an_error_that_names_it(void **state)
{
	struct place *place = *state;
	struct http_server *second = NULL;
	struct error err = {0};

	assert_int_equal(
		http_server_open(&place->loop, place->address, answer, place, &err, &second),
		-EADDRINUSE);
	assert_non_null(strstr(err.text, place->address));
	assert_null(second);
}

static void an_address_in_brackets_is_ipv6(void **state)
{
	struct place *place = *state;
	struct http_server *second = NULL;
	struct error err = {0};
	char address[32];
	int r;

	(void)snprintf(address, sizeof(address), "[::1]:%u", place->port);
	r = http_server_open(&place->loop, address, answer, place, &err, &second);
	/* A machine may have no IPv6 at all. */
	if (r < 0)
		assert_int_equal(r, -EADDRNOTAVAIL);
	http_server_close(second);
}

static void a_port_alone_is_every_address(void **state)
{
	struct place *place = *state;
	struct error err = {0};

	http_server_close(place->server);
	place->server = NULL;
	turn(place);
	(void)snprintf(place->address, sizeof(place->address), ":%u", place->port);
	assert_int_equal(
		http_server_open(&place->loop, place->address, answer, place, &err, &place->server),
		0);
	assert_non_null(strstr(ask(place, "GET /hello HTTP/1.1\r\n\r\n"), "hello"));
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(a_path_gets_what_its_handler_says),
		IN_PLACE(head_gets_the_same_without_the_body),
		IN_PLACE(a_refusal_is_its_status),
		IN_PLACE(what_is_refused_never_comes_to_the_handler),
		IN_PLACE(a_request_may_come_in_pieces),
		IN_PLACE(of_many_requests_in_one_write_the_first_is_answered),
		IN_PLACE(a_large_answer_arrives_whole),
		IN_PLACE(a_head_without_end_is_refused_at_its_limit),
		IN_PLACE(a_slow_head_is_cut_off),
		IN_PLACE(whoever_does_not_read_the_answer_is_cut_off),
		IN_PLACE(one_client_too_many_takes_the_place_of_the_oldest),
		IN_PLACE(clients_that_vanish_cost_nothing),
		IN_PLACE(a_server_closes_while_clients_are_there),
		IN_PLACE(an_address_in_use_is_an_error_that_names_it),
		IN_PLACE(an_address_in_brackets_is_ipv6),
		IN_PLACE(a_port_alone_is_every_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
