/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/driver.h"

#define LOOK_EVERY 10 /* milliseconds */

void driver_changed(void *context)
{
	struct driver *driver = context;

	driver->changes++;
}

static void look_cb(uv_timer_t *timer)
{
	struct driver *driver = timer->data;
	cJSON *tree = driver->snapshot(driver);
	char *text = cJSON_PrintUnformatted(tree);

	cJSON_Delete(tree);
	if (driver->printed && strcmp(driver->printed, text) == 0) {
		cJSON_free(text);
		return;
	}
	puts(text);
	fflush(stdout);
	cJSON_free(driver->printed);
	driver->printed = text;
}

static void end(struct driver *driver)
{
	driver->close(driver);
	uv_close((uv_handle_t *)&driver->look, NULL);
	uv_close((uv_handle_t *)&driver->commands, NULL);
}

static void buffer_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct driver *driver = handle->data;

	(void)suggested;
	buffer->base = driver->line + driver->used;
	buffer->len = sizeof(driver->line) - driver->used - 1;
}

static void read_cb(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct driver *driver = stream->data;
	char *line_end;

	(void)buffer;
	if (got < 0) {
		end(driver);
		return;
	}
	driver->used += (size_t)got;
	driver->line[driver->used] = '\0';
	while ((line_end = strchr(driver->line, '\n'))) {
		size_t length = (size_t)(line_end - driver->line) + 1;

		*line_end = '\0';
		if (strcmp(driver->line, "close") == 0) {
			end(driver);
			return;
		}
		driver->obey(driver, driver->line);
		driver->used -= length;
		memmove(driver->line, driver->line + length, driver->used + 1);
	}
}

void driver_start(struct driver *driver)
{
	driver->look.data = driver;
	driver->commands.data = driver;
	uv_timer_init(&driver->loop, &driver->look);
	uv_timer_start(&driver->look, look_cb, 0, LOOK_EVERY);
	uv_pipe_init(&driver->loop, &driver->commands, 0);
	uv_pipe_open(&driver->commands, 0);
	uv_read_start((uv_stream_t *)&driver->commands, buffer_cb, read_cb);
}

void driver_done(struct driver *driver)
{
	if (uv_loop_close(&driver->loop) < 0)
		abort();
	cJSON_free(driver->printed);
	model_free(driver->model);
	config_free(driver->config);
}
