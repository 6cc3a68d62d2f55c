/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Does HTTP calls as the command line says and prints one line of JSON for each that ends:
 *   http_get [KEY=VALUE]... [+ [KEY=VALUE]...]...
 * Every "+" begins one more call, which starts at once, or with after=MILLISECONDS so long
 * behind the end of the one before it (1: at once). url=, method=, body=, header=, ca=, cert=,
 * key=, name=, insecure=1, body_max=, connect=, idle=, total= (milliseconds), stream=1,
 * cancel=received|begun|start|NUMBER (milliseconds), begun=1, refuse=1, again=1 (starts another
 * call inside received()), close=received|done.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cjson/cJSON.h>

#include "common/http.h"

#define CALLS_MAX 64
#define HASH_START 2166136261U
#define HASH_FACTOR 16777619U

struct get {
	struct http_request request;
	struct http_tls tls;
	struct http_call *call;
	uv_timer_t timer;
	const char *cancel;
	const char *close;
	unsigned after;
	bool refuse;
	bool again;
	bool ended;
	size_t pieces;
	size_t length;
	unsigned hash; /* FNV-1a of a streamed body */
	size_t index;
};

static struct http *http;
static struct get gets[CALLS_MAX];
static size_t count;
static unsigned inside;

static void start(struct get *get);

static void close_http(void)
{
	http_close(http);
	http = NULL;
}

static void start_timer(uv_timer_t *timer)
{
	start(timer->data);
}

static void start_next(const struct get *get)
{
	struct get *next = get->index + 1 < count ? &gets[get->index + 1] : NULL;
	if (!next || next->after == 0)
		return;
	if (next->after == 1)
		start(next);
	else
		uv_timer_start(&next->timer, start_timer, next->after, 0);
}

static void cancel(struct get *get)
{
	http_cancel(get->call);
	get->call = NULL;
	if (uv_is_active((uv_handle_t *)&get->timer))
		uv_timer_stop(&get->timer);
	printf("{\"call\":%zu,\"cancelled\":true}\n", get->index);
	start_next(get);
}

static void cancel_timer(uv_timer_t *timer)
{
	cancel(timer->data);
}

static void print_answer(const struct get *get, const struct http_answer *answer)
{
	struct rusage usage;
	cJSON *line = cJSON_CreateObject();
	getrusage(RUSAGE_SELF, &usage);
	cJSON_AddNumberToObject(line, "call", (double)get->index);
	cJSON_AddNumberToObject(line, "status", answer->status);
	cJSON_AddNumberToObject(line, "retry_after", answer->retry_after);
	cJSON_AddStringToObject(line, "error", strerrorname_np(-answer->error.code));
	cJSON_AddStringToObject(line, "text", answer->error.text);
	cJSON_AddNumberToObject(line, "length", (double)(get->length + answer->body_length));
	cJSON_AddNumberToObject(line, "pieces", (double)get->pieces);
	cJSON_AddNumberToObject(line, "hash", get->hash);
	cJSON_AddNumberToObject(line, "peak_kib", (double)usage.ru_maxrss);
	if (answer->body && answer->body_length < 4096)
		cJSON_AddStringToObject(line, "body", answer->body);
	char *text = cJSON_PrintUnformatted(line);
	puts(text);
	(void)fflush(stdout);
	cJSON_free(text);
	cJSON_Delete(line);
}

static void done(void *context, const struct http_answer *answer)
{
	struct get *get = context;
	if (inside > 0 || get->ended)
		abort();
	inside++;
	get->ended = true;
	get->call = NULL;
	uv_timer_stop(&get->timer);
	print_answer(get, answer);
	if (!get->again)
		start_next(get);
	if (get->close && strcmp(get->close, "done") == 0)
		close_http();
	inside--;
}

static void begun(void *context)
{
	struct get *get = context;
	printf("{\"call\":%zu,\"begun\":true}\n", get->index);
	if (get->cancel && strcmp(get->cancel, "begun") == 0)
		cancel(get);
}

static int received(void *context, const char *data, size_t length, struct error *err)
{
	struct get *get = context;
	if (inside > 0 || get->ended || !get->call)
		abort();
	inside++;
	get->pieces++;
	get->length += length;
	for (size_t i = 0; i < length; i++)
		get->hash = (get->hash ^ (unsigned char)data[i]) * HASH_FACTOR;
	if (get->again && get->pieces == 1)
		start_next(get);
	if (get->cancel && strcmp(get->cancel, "received") == 0)
		cancel(get);
	if (get->close && strcmp(get->close, "received") == 0)
		close_http();
	inside--;
	return get->refuse ? error_set(err, -EBADMSG, "refused by the test") : 0;
}

static void start(struct get *get)
{
	struct error err = {0};
	int r = http_start(http, &get->request, &get->call, &err);
	if (r < 0) {
		printf("{\"call\":%zu,\"start\":\"%s\",\"text\":\"%s\"}\n", get->index,
		       strerrorname_np(-r), err.text);
		return;
	}
	if (get->cancel && strcmp(get->cancel, "start") == 0)
		cancel(get);
	else if (get->cancel && strcmp(get->cancel, "received") != 0 &&
	         strcmp(get->cancel, "begun") != 0)
		uv_timer_start(&get->timer, cancel_timer, strtoul(get->cancel, NULL, 10), 0);
}

static char *read_pem(const char *path)
{
	static char text[4][16384];
	static size_t used;
	FILE *file = fopen(path, "re");
	if (!file || used == 4)
		abort();
	size_t length = fread(text[used], 1, sizeof(text[0]) - 1, file);
	text[used][length] = '\0';
	(void)fclose(file);
	return text[used++];
}

static bool set_number(struct get *get, const char *key, const char *value)
{
	unsigned number = (unsigned)strtoul(value, NULL, 10);
	if (strcmp(key, "body_max") == 0)
		get->request.body_max = number;
	else if (strcmp(key, "connect") == 0)
		get->request.connect_timeout = number;
	else if (strcmp(key, "idle") == 0)
		get->request.idle_timeout = number;
	else if (strcmp(key, "total") == 0)
		get->request.total_timeout = number;
	else if (strcmp(key, "insecure") == 0)
		get->tls.insecure = number > 0;
	else if (strcmp(key, "stream") == 0)
		get->request.received = received;
	else if (strcmp(key, "after") == 0)
		get->after = number;
	else if (strcmp(key, "begun") == 0)
		get->request.begun = begun;
	else if (strcmp(key, "refuse") == 0)
		get->refuse = number > 0;
	else if (strcmp(key, "again") == 0)
		get->again = number > 0;
	else
		return false;
	return true;
}

static bool set_text(struct get *get, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **place;
	} places[] = {
		{"url", &get->request.url},   {"method", &get->request.method},
		{"body", &get->request.body}, {"proxy", &get->request.proxy},
		{"ca", &get->tls.ca_file},    {"cert", &get->tls.certificate_file},
		{"key", &get->tls.key_file},  {"name", &get->tls.server_name},
		{"cancel", &get->cancel},     {"close", &get->close},
	};
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (strcmp(places[i].key, key) == 0) {
			*places[i].place = value;
			return true;
		}
	}
	return false;
}

static void set_other(struct get *get, const char *key, const char *value)
{
	size_t headers = 0;
	while (get->request.headers[headers])
		headers++;
	if (strcmp(key, "header") == 0)
		get->request.headers[headers] = value;
	else if (strcmp(key, "ca_pem") == 0)
		get->tls.ca_pem = read_pem(value);
	else if (strcmp(key, "cert_pem") == 0)
		get->tls.certificate_pem = read_pem(value);
	else if (strcmp(key, "key_pem") == 0)
		get->tls.key_pem = read_pem(value);
	else
		abort();
}

static void set(struct get *get, char *pair)
{
	char *equal = strchr(pair, '=');
	if (!equal)
		abort();
	*equal = '\0';
	if (!set_text(get, pair, equal + 1) && !set_number(get, pair, equal + 1))
		set_other(get, pair, equal + 1);
}

static struct get *new_get(uv_loop_t *loop)
{
	struct get *get = &gets[count];
	if (count == CALLS_MAX)
		abort();
	*get = (struct get){.index = count++, .hash = HASH_START};
	get->request.context = get;
	get->request.done = done;
	get->request.direct = true;
	uv_timer_init(loop, &get->timer);
	get->timer.data = get;
	return get;
}

static void prepare(struct get *get)
{
	get->request.tls = &get->tls;
	if (get->request.body)
		get->request.body_length = strlen(get->request.body);
	if (get->request.proxy)
		get->request.direct = false;
}

int main(int argc, char **argv)
{
	uv_loop_t loop;
	struct error err = {0};
	uv_loop_init(&loop);
	if (http_open(&loop, &http, &err) < 0)
		return 1;
	struct get *get = new_get(&loop);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "+") == 0)
			get = new_get(&loop);
		else
			set(get, argv[i]);
	}
	for (size_t i = 0; i < count; i++)
		prepare(&gets[i]);
	for (size_t i = 0; i < count; i++)
		if (!gets[i].after)
			start(&gets[i]);
	uv_run(&loop, UV_RUN_DEFAULT);
	close_http();
	for (size_t i = 0; i < count; i++)
		uv_close((uv_handle_t *)&gets[i].timer, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) < 0 ? 1 : 0;
}
