/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/process.h"

#define PIECE_SIZE 16384

struct channel {
	uv_pipe_t pipe;
	struct process *process;
	char *text;
	size_t length;
	bool tail; /* only the end of it is kept */
	size_t seen;
};

struct process {
	uv_process_t child;
	uv_timer_t timer;
	struct channel output;
	struct channel complaint;
	unsigned handles;
	bool running;
	bool over; /* told, or cancelled */
	unsigned timeout;
	size_t output_max;
	char piece[PIECE_SIZE];
	void (*done)(void *context, const struct process_result *result);
	void *context;
};

static void handle_closed(uv_handle_t *handle)
{
	struct process *process = handle->data;
	if (--process->handles > 0)
		return;
	free(process->output.text);
	free(process->complaint.text);
	free(process);
}

/* Whatever it started is in its group, as long as it does not leave that. */
static void kill_all(const struct process *process)
{
	if (process->running)
		(void)kill(-process->child.pid, SIGKILL);
}

/* The handle of a child that still runs stays, or nobody would reap it. */
static void end(struct process *process)
{
	process->over = true;
	uv_close((uv_handle_t *)&process->output.pipe, handle_closed);
	uv_close((uv_handle_t *)&process->complaint.pipe, handle_closed);
	uv_close((uv_handle_t *)&process->timer, handle_closed);
	if (!process->running)
		uv_close((uv_handle_t *)&process->child, handle_closed);
}

static void put_on_one_line(const char *text, size_t length, char *ret)
{
	size_t used = 0;
	while (length > 0 && (unsigned char)text[length - 1] <= ' ')
		length--;
	if (length >= PROCESS_COMPLAINT_SIZE) {
		text += length - (PROCESS_COMPLAINT_SIZE - 1);
		length = PROCESS_COMPLAINT_SIZE - 1;
	}
	for (size_t i = 0; i < length; i++) {
		bool blank = (unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f;
		if (!blank)
			ret[used++] = text[i];
		else if (used > 0 && ret[used - 1] != ' ')
			ret[used++] = ' ';
	}
	ret[used] = '\0';
}

static void tell(struct process *process, struct process_result *result)
{
	result->output = process->output.text ? process->output.text : "";
	result->length = process->output.length;
	put_on_one_line(process->complaint.text, process->complaint.length, result->complaint);
	kill_all(process);
	end(process);
	process->done(process->context, result);
}

static void fail(struct process *process, int code, const char *why)
{
	struct process_result result = {0};
	error_set(&result.error, code, "%s", why);
	tell(process, &result);
}

static int keep(struct channel *channel, const char *data, size_t length)
{
	if (channel->tail && channel->length > 2 * PROCESS_COMPLAINT_SIZE) {
		size_t cut = channel->length - PROCESS_COMPLAINT_SIZE;
		memmove(channel->text, channel->text + cut, PROCESS_COMPLAINT_SIZE);
		channel->length = PROCESS_COMPLAINT_SIZE;
	}
	char *text = realloc(channel->text, channel->length + length + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text + channel->length, data, length);
	channel->text = text;
	channel->length += length;
	text[channel->length] = '\0';
	return 0;
}

/* false: the process was ended for it. */
static bool take(struct channel *channel, const char *data, size_t length)
{
	struct process *process = channel->process;
	channel->seen += length;
	if (channel->seen > process->output_max) {
		fail(process, -EMSGSIZE, "prints more than it may");
		return false;
	}
	if (keep(channel, data, length) < 0) {
		fail(process, -ENOMEM, "out of memory");
		return false;
	}
	return true;
}

static void channel_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct process *process = handle->data;
	(void)suggested;
	*buffer = uv_buf_init(process->piece, sizeof(process->piece));
}

static void channel_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct process *process = stream->data;
	struct channel *channel = (uv_pipe_t *)stream == &process->output.pipe
	                                  ? &process->output
	                                  : &process->complaint;
	if (got < 0)
		uv_read_stop(stream);
	else
		take(channel, buffer->base, (size_t)got);
}

/* What it wrote before it exited is in the pipe; others that hold the pipe are not waited for. */
static bool drain(struct channel *channel)
{
	uv_os_fd_t fd;
	ssize_t got;
	if (uv_fileno((const uv_handle_t *)&channel->pipe, &fd) < 0)
		return true;
	while ((got = read(fd, channel->process->piece, PIECE_SIZE)) > 0)
		if (!take(channel, channel->process->piece, (size_t)got))
			return false;
	return true;
}

static void child_exited(uv_process_t *child, int64_t status, int signal)
{
	struct process *process = child->data;
	struct process_result result = {.status = (int)status, .signal = signal};
	process->running = false;
	if (process->over)
		uv_close((uv_handle_t *)child, handle_closed);
	else if (drain(&process->output) && drain(&process->complaint))
		tell(process, &result);
}

static void timer_expired(uv_timer_t *timer)
{
	struct process *process = timer->data;
	struct process_result result = {0};
	error_set(&result.error, -ETIMEDOUT, "did not end within %g s", process->timeout / 1000.0);
	tell(process, &result);
}

static void channel_init(uv_loop_t *loop, struct process *process, struct channel *channel)
{
	channel->process = process;
	channel->pipe.data = process;
	uv_pipe_init(loop, &channel->pipe, 0);
}

static int spawn(uv_loop_t *loop, const struct process_request *request, struct process *process)
{
	uv_stdio_container_t stdio[] = {
		{.flags = UV_IGNORE},
		{.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
	         .data.stream = (uv_stream_t *)&process->output.pipe},
		{.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
	         .data.stream = (uv_stream_t *)&process->complaint.pipe},
	};
	const uv_process_options_t options = {
		.exit_cb = child_exited,
		.file = request->arguments[0],
		.args = request->arguments,
		.env = request->environment,
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = stdio,
	};
	int r = uv_spawn(loop, &process->child, &options);
	process->running = r == 0;
	if (r == 0)
		r = uv_read_start((uv_stream_t *)&process->output.pipe, channel_buffer,
		                  channel_read);
	if (r == 0)
		r = uv_read_start((uv_stream_t *)&process->complaint.pipe, channel_buffer,
		                  channel_read);
	if (r == 0)
		r = uv_timer_start(&process->timer, timer_expired, request->timeout, 0);
	return r;
}

int process_start(uv_loop_t *loop, const struct process_request *request, struct process **ret,
                  struct error *err)
{
	struct process *process = calloc(1, sizeof(*process));
	if (!process)
		return error_set(err, -ENOMEM, "out of memory");
	process->done = request->done;
	process->context = request->context;
	process->timeout = request->timeout;
	process->output_max = request->output_max;
	process->handles = 4;
	process->complaint.tail = true;
	process->child.data = process;
	process->timer.data = process;
	channel_init(loop, process, &process->output);
	channel_init(loop, process, &process->complaint);
	uv_timer_init(loop, &process->timer);
	int r = spawn(loop, request, process);
	if (r < 0) {
		process_cancel(process);
		return error_set(err, r, "%s", strerror(-r));
	}
	*ret = process;
	return 0;
}

void process_cancel(struct process *process)
{
	if (!process || process->over)
		return;
	kill_all(process);
	end(process);
}
