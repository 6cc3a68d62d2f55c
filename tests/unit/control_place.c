/* SPDX-License-Identifier: GPL-2.0-or-later */
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

#include "common/control.h"
#include "tests/unit/control_place.h"

#define TURNS_MAX 2000 /* until something must have happened */

static void stream_gone(void *context)
{
	struct place *place = context;

	place->stream = NULL;
	place->gone++;
}

static void later_gone(void *context)
{
	struct place *place = context;

	place->later = NULL;
	place->gone++;
}

cJSON *answer(void *context, const cJSON *request, struct control_client *client)
{
	struct place *place = context;

	place->requests++;
	if (cJSON_HasObjectItem(request, "later")) {
		place->later = client;
		control_client_defer(client, later_gone, place);
		return NULL;
	}

	cJSON *answer = cJSON_CreateObject();
	const cJSON *say = cJSON_GetObjectItemCaseSensitive(request, "say");

	if (cJSON_HasObjectItem(request, "stream")) {
		place->stream = client;
		control_client_stream(client, stream_gone, place);
	}
	cJSON_AddBoolToObject(answer, "ok", true);
	if (cJSON_IsString(say))
		cJSON_AddStringToObject(answer, "said", say->valuestring);
	if (cJSON_HasObjectItem(request, "large")) {
		char *text = calloc(1, LARGE + 1);

		assert_non_null(text);
		memset(text, 'x', LARGE);
		cJSON_AddStringToObject(answer, "large", text);
		free(text);
	}
	return answer;
}

int serve(struct place *place, struct error *err)
{
	return control_server_open(&place->loop, place->path, answer, place, err, &place->server);
}

int open_place(void **state)
{
	static struct place place;

	place = (struct place){.directory = "/tmp/podsg-control-XXXXXX"};
	if (mkdtemp(place.directory) == NULL || uv_loop_init(&place.loop) < 0)
		return -1;
	(void)snprintf(place.path, sizeof(place.path), "%s/sock", place.directory);
	*state = &place;
	return 0;
}

int open_server(void **state)
{
	struct error err = {0};

	if (open_place(state) < 0)
		return -1;
	return serve(*state, &err);
}

int close_place(void **state)
{
	struct place *place = *state;

	control_server_close(place->server);
	(void)uv_run(&place->loop, UV_RUN_DEFAULT);
	(void)unlink(place->path);
	return uv_loop_close(&place->loop) < 0 ? -1 : rmdir(place->directory);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

void turn(struct place *place)
{
	struct timespec pause = {.tv_nsec = 1000000};

	if (uv_run(&place->loop, UV_RUN_NOWAIT) == 0)
		(void)nanosleep(&pause, NULL);
}

int connect_to(struct place *place)
{
	struct sockaddr_un address = address_of(place->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	turn(place);
	return fd;
}

void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 1) > 0;
}

const char *hear(struct place *place, int fd)
{
	static char line[CONTROL_REQUEST_MAX + 1024];
	size_t used = 0;

	for (int turns = 0; turns < TURNS_MAX && used < sizeof(line); turns++) {
		turn(place);
		while (is_readable(fd)) {
			ssize_t got = recv(fd, line + used, 1, 0);

			if (got <= 0 || line[used] == '\n') {
				line[used] = '\0';
				return line;
			}
			used++;
		}
	}
	fail_msg("no answer");
	return "";
}

int listen_at(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 0), 0);
	return fd;
}
