/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/control.h"
#include "tests/unit/control_place.h"

/* The client, in a thread of its own while the loop turns here. */
struct asking {
	const char *path;
	const char *request;
	cJSON *answer;
	struct error err;
	int r;
	bool done;
};

static void *ask_in_thread(void *context)
{
	struct asking *asking = context;
	cJSON *request = cJSON_Parse(asking->request);

	asking->r = control_ask(asking->path, request, 1, &asking->answer, &asking->err);
	cJSON_Delete(request);
	__atomic_store_n(&asking->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

/* fd: of a listener that says line, -1 = the place's server answers. */
static void ask(struct place *place, struct asking *asking, int fd, const char *line)
{
	pthread_t thread;

	asking->path = place->path;
	assert_int_equal(pthread_create(&thread, NULL, ask_in_thread, asking), 0);
	if (fd >= 0) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (line != NULL) {
			say(peer, line);
			(void)shutdown(peer, SHUT_WR);
		}
		assert_int_equal(pthread_join(thread, NULL), 0);
		(void)close(peer);
		return;
	}
	while (!__atomic_load_n(&asking->done, __ATOMIC_SEQ_CST))
		turn(place);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void the_client_gets_answers_of_any_size(void **state)
{
	struct asking asking = {.request = "{\"large\":1}"};
	const cJSON *large;

	ask(*state, &asking, -1, NULL);
	assert_int_equal(asking.r, 0);
	large = cJSON_GetObjectItemCaseSensitive(asking.answer, "large");
	assert_int_equal(strlen(cJSON_GetStringValue(large)), LARGE);
	cJSON_Delete(asking.answer);
}

static void the_client_says_what_went_wrong(void **state)
{
	static const struct {
		const char *answer; /* NULL: none */
		int r;
		const char *text;
	} rows[] = {
		{NULL, -ETIMEDOUT, "timed out"},
		{"", -ECONNRESET, "no answer"},
		{"{\"ok\":tr", -ECONNRESET, "no answer"},
		{"hello\n", -EBADMSG, "not JSON"},
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asking asking = {.request = "{}"};
		int fd = listen_at(place->path);

		ask(place, &asking, fd, rows[i].answer);
		assert_int_equal(asking.r, rows[i].r);
		assert_non_null(strstr(asking.err.text, rows[i].text));
		assert_non_null(strstr(asking.err.text, place->path));
		(void)close(fd);
		(void)unlink(place->path);
	}
}

static void the_client_tells_nobody_there_from_nobody_listening(void **state)
{
	struct place *place = *state;
	cJSON *request = cJSON_CreateObject();
	cJSON *none = NULL;
	struct error err = {0};

	assert_int_equal(control_ask(place->path, request, 1, &none, &err), -ENOENT);
	(void)close(listen_at(place->path));
	err = (struct error){0};
	assert_int_equal(control_ask(place->path, request, 1, &none, &err), -ECONNREFUSED);
	cJSON_Delete(request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_client_gets_answers_of_any_size, open_server,
	                                        close_place),
		cmocka_unit_test_setup_teardown(the_client_says_what_went_wrong, open_place,
	                                        close_place),
		cmocka_unit_test_setup_teardown(the_client_tells_nobody_there_from_nobody_listening,
	                                        open_place, close_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
