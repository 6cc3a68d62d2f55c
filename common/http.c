/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/http_call.h"

#define CONNECTIONS_KEPT 16L

struct http_socket {
	LIST_ENTRY(http_socket) link;
	uv_poll_t poll;
	curl_socket_t fd;
	struct http *http;
};

struct http {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t timer;    /* libcurl's */
	uv_timer_t deadline; /* the earliest of all calls, or earlier */
	LIST_HEAD(http_calls, http_call) calls;
	LIST_HEAD(http_sockets, http_socket) sockets;
	unsigned handles; /* of the loop, not closed yet */
	bool inside;      /* libcurl, which must not be entered again */
	bool closing;
};

struct connection {
	long local_port; /* 0: none yet */
	long peer_port;
};

static void settle(struct http *http);

static void handle_closed(struct http *http)
{
	if (--http->handles > 0)
		return;
	free(http);
	curl_global_cleanup();
}

static void timer_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

static void drive(struct http *http, curl_socket_t fd, int events)
{
	int running;
	http->inside = true;
	curl_multi_socket_action(http->multi, fd, events, &running);
	http->inside = false;
	settle(http);
}

static void timer_expired(uv_timer_t *timer)
{
	drive(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int timer_wanted(CURLM *multi, long milliseconds, void *context)
{
	struct http *http = context;
	(void)multi;
	if (milliseconds < 0) {
		uv_timer_stop(&http->timer);
		return 0;
	}
	uv_update_time(http->loop);
	return uv_timer_start(&http->timer, timer_expired, (uint64_t)milliseconds, 0) < 0 ? -1 : 0;
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
	struct http_socket *socket = poll->data;
	/* What is wrong with the socket is what reading it says. */
	int action = status < 0 ? CURL_CSELECT_ERR | CURL_CSELECT_IN : 0;
	if (events & UV_READABLE)
		action |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		action |= CURL_CSELECT_OUT;
	drive(socket->http, socket->fd, action);
}

static void socket_closed(uv_handle_t *handle)
{
	struct http_socket *socket = handle->data;
	handle_closed(socket->http);
	free(socket);
}

static struct http_socket *socket_open(struct http *http, curl_socket_t fd)
{
	struct http_socket *socket = calloc(1, sizeof(*socket));
	if (!socket)
		return NULL;
	if (uv_poll_init_socket(http->loop, &socket->poll, fd) < 0) {
		free(socket);
		return NULL;
	}
	curl_multi_assign(http->multi, fd, socket);
	socket->poll.data = socket;
	socket->fd = fd;
	socket->http = http;
	http->handles++;
	LIST_INSERT_HEAD(&http->sockets, socket, link);
	return socket;
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
	struct http *http = context;
	struct http_socket *socket = assigned;
	int events = 0;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (socket) {
			LIST_REMOVE(socket, link);
			uv_close((uv_handle_t *)&socket->poll, socket_closed);
			curl_multi_assign(http->multi, fd, NULL);
		}
		return 0;
	}
	if (!socket)
		socket = socket_open(http, fd);
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	return socket && uv_poll_start(&socket->poll, events, socket_ready) == 0 ? 0 : -1;
}

static struct connection connection_of(const struct http_call *call)
{
	struct connection connection = {0};
	curl_easy_getinfo(call->easy, CURLINFO_LOCAL_PORT, &connection.local_port);
	curl_easy_getinfo(call->easy, CURLINFO_PRIMARY_PORT, &connection.peer_port);
	return connection;
}

static bool connection_equal(const struct connection *a, const struct connection *b)
{
	return a->local_port == b->local_port && a->peer_port == b->peer_port;
}

static long port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)address)->sin_port);
	if (address->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	return 0;
}

static struct connection connection_of_socket(curl_socket_t fd)
{
	struct sockaddr_storage local = {0};
	struct sockaddr_storage peer = {0};
	socklen_t local_size = sizeof(local);
	socklen_t peer_size = sizeof(peer);
	if (getsockname(fd, (struct sockaddr *)&local, &local_size) < 0 ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0)
		return (struct connection){0};
	return (struct connection){.local_port = port_of(&local), .peer_port = port_of(&peer)};
}

/* No other call shall be put on a connection where nobody heard a byte for so long: with HTTP/2
 * libcurl would go on using it. */
static void abandon_if_silent(const struct http_call *call, uint64_t limit)
{
	const struct http *http = call->http;
	const struct connection connection = connection_of(call);
	const struct http_call *other;
	const struct http_socket *socket;
	if (connection.local_port == 0)
		return;
	for (other = LIST_FIRST(&http->calls); other; other = LIST_NEXT(other, link)) {
		const struct connection its = connection_of(other);
		if (connection_equal(&its, &connection) &&
		    uv_now(http->loop) - other->heard < limit)
			return;
	}
	for (socket = LIST_FIRST(&http->sockets); socket; socket = LIST_NEXT(socket, link)) {
		const struct connection its = connection_of_socket(socket->fd);
		if (connection_equal(&its, &connection))
			(void)shutdown(socket->fd, SHUT_RDWR);
	}
}

static void detach(struct http_call *call)
{
	LIST_REMOVE(call, link);
	/* What libcurl still hands out on the way is nobody's any more. */
	call->cancelled = true;
	if (call->added)
		curl_multi_remove_handle(call->http->multi, call->easy);
}

static void finish(struct http_call *call, CURLcode code)
{
	detach(call);
	http_call_finish(call, code);
	http_call_free(call);
}

static uint64_t idle_end(const struct http_call *call)
{
	return call->idle_timeout > 0 ? call->heard + call->idle_timeout : UINT64_MAX;
}

static uint64_t total_end(const struct http_call *call)
{
	return call->total_timeout > 0 ? call->started + call->total_timeout : UINT64_MAX;
}

static uint64_t deadline_of(const struct http_call *call)
{
	return idle_end(call) < total_end(call) ? idle_end(call) : total_end(call);
}

static void time_out(struct http_call *call)
{
	uint64_t now = uv_now(call->http->loop);
	bool idle = idle_end(call) <= now;
	unsigned limit = idle ? call->idle_timeout : call->total_timeout;
	error_set(&call->error, -ETIMEDOUT, idle ? "%s: silent for %g s" : "%s: not done in %g s",
	          call->what, limit / 1000.0);
	abandon_if_silent(call, limit);
	finish(call, CURLE_OPERATION_TIMEDOUT);
}

static void deadline_passed(uv_timer_t *timer);

static struct http_call *earliest(const struct http *http)
{
	struct http_call *call;
	struct http_call *first = NULL;
	for (call = LIST_FIRST(&http->calls); call; call = LIST_NEXT(call, link))
		if (!call->cancelled && (!first || deadline_of(call) < deadline_of(first)))
			first = call;
	return first;
}

static void set_deadline(struct http *http)
{
	const struct http_call *call = earliest(http);
	uint64_t now = uv_now(http->loop);
	uint64_t end = call ? deadline_of(call) : UINT64_MAX;
	if (end == UINT64_MAX)
		uv_timer_stop(&http->deadline);
	else
		uv_timer_start(&http->deadline, deadline_passed, end > now ? end - now : 0, 0);
}

static void deadline_passed(uv_timer_t *timer)
{
	struct http *http = timer->data;
	struct http_call *call = earliest(http);
	while (call && deadline_of(call) <= uv_now(http->loop)) {
		time_out(call);
		if (http->closing)
			return;
		call = earliest(http);
	}
	set_deadline(http);
}

static void end(struct http *http)
{
	struct http_call *call;
	while ((call = LIST_FIRST(&http->calls))) {
		detach(call);
		http_call_free(call);
	}
	curl_multi_cleanup(http->multi);
	http->multi = NULL;
	uv_close((uv_handle_t *)&http->timer, timer_closed);
	uv_close((uv_handle_t *)&http->deadline, timer_closed);
}

static int add(struct http_call *call)
{
	call->added = curl_multi_add_handle(call->http->multi, call->easy) == CURLM_OK;
	return call->added ? 0 : -ENOMEM;
}

static struct http_call *first_behind(const struct http *http)
{
	struct http_call *call;
	for (call = LIST_FIRST(&http->calls); call; call = LIST_NEXT(call, link))
		if (call->cancelled || !call->added)
			return call;
	return NULL;
}

/* With what callbacks asked for while libcurl could not be told. */
static void catch_up(struct http *http)
{
	struct http_call *call;
	while (!http->closing && (call = first_behind(http))) {
		if (call->cancelled) {
			detach(call);
			http_call_free(call);
		} else if (add(call) < 0) {
			finish(call, CURLE_OUT_OF_MEMORY);
		}
	}
}

static void settle(struct http *http)
{
	CURLMsg *message;
	int left;
	if (http->closing) {
		end(http);
		return;
	}
	catch_up(http);
	while (!http->closing && (message = curl_multi_info_read(http->multi, &left))) {
		struct http_call *call = NULL;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		finish(call, code);
	}
}

static int make_multi(struct http *http)
{
	http->multi = curl_multi_init();
	if (!http->multi)
		return -ENOMEM;
	unsigned bad = curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	bad |= curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	bad |= curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	bad |= curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	bad |= curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
	return bad ? -EINVAL : 0;
}

int http_open(uv_loop_t *loop, struct http **ret, struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, -EIO, "libcurl cannot be initialized");
	struct http *http = calloc(1, sizeof(*http));
	if (!http || make_multi(http) < 0) {
		if (http)
			curl_multi_cleanup(http->multi);
		free(http);
		curl_global_cleanup();
		return error_set(err, -ENOMEM, "out of memory");
	}
	http->loop = loop;
	LIST_INIT(&http->calls);
	LIST_INIT(&http->sockets);
	http->handles = 2;
	uv_timer_init(loop, &http->timer);
	uv_timer_init(loop, &http->deadline);
	http->timer.data = http;
	http->deadline.data = http;
	/* The sockets of calls keep the loop alive as long as they live. */
	uv_unref((uv_handle_t *)&http->deadline);
	*ret = http;
	return 0;
}

void http_close(struct http *http)
{
	if (!http || http->closing)
		return;
	http->closing = true;
	struct http_call *call;
	for (call = LIST_FIRST(&http->calls); call; call = LIST_NEXT(call, link))
		call->cancelled = true;
	if (!http->inside)
		end(http);
}

int http_start(struct http *http, const struct http_request *request, struct http_call **ret,
               struct error *err)
{
	struct http_call *call = NULL;
	int r = http_call_new(http->loop, request, &call, err);
	if (r < 0)
		return r;
	call->http = http;
	uv_update_time(http->loop);
	call->started = uv_now(http->loop);
	call->heard = call->started;
	if (!http->inside && add(call) < 0) {
		http_call_free(call);
		return error_set(err, -ENOMEM, "out of memory");
	}
	LIST_INSERT_HEAD(&http->calls, call, link);
	set_deadline(http);
	*ret = call;
	return 0;
}

void http_cancel(struct http_call *call)
{
	if (!call)
		return;
	call->cancelled = true;
	if (call->http->inside)
		return;
	detach(call);
	http_call_free(call);
}
