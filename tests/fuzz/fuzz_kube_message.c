/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "common/kube_lines.h"
#include "common/kube_message.h"

#define PIECE 7
#define LINE_SIZE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every slice must lie in the text. */
static int look(void *context, const struct kube_object *object)
{
	size_t *sum = context;

	for (size_t i = 0; i < object->text.length; i++)
		*sum += (unsigned char)object->text.text[i];
	*sum += kube_object_deletion(object).asked;
	return 0;
}

static int take_line(void *context, const char *text, size_t length, struct error *err)
{
	struct kube_event event;

	if (kube_event_read("fuzz", "Pod", text, length, &event, err) == 0 &&
	    event.type == KUBE_EVENT_OBJECT)
		(void)look(context, &event.object);
	return 0;
}

/* As a page, as a Status, and as the lines of a watch that come in small pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct kube_lines lines = {.rest.max = LINE_SIZE};
	struct kube_page page;
	struct kube_status status;
	struct error err = {0};
	size_t sum = 0;
	int ret = 0;

	if (kube_page_read("fuzz", "Pod", text, size, &page, &err) == 0)
		(void)kube_page_objects("fuzz", "Pod", &page, look, &sum, &err);
	(void)kube_status_read(text, size, &status);
	for (size_t at = 0; ret == 0 && at < size; at += PIECE) {
		size_t length = size - at < PIECE ? size - at : PIECE;

		ret = kube_lines_feed(&lines, text + at, length, take_line, &sum, &err);
	}
	kube_lines_done(&lines);
	return 0;
}
