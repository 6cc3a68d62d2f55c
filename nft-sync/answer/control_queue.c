/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nft-sync/answer/control_queue.h"

static char *pop(struct control_queue *queue)
{
	char *line = queue->lines[queue->first];
	queue->lines[queue->first] = NULL;
	queue->first = (queue->first + 1) % CONTROL_QUEUE_LINES;
	queue->count--;
	return line;
}

void control_queue_put(struct control_queue *queue, char *line)
{
	if (queue->count == CONTROL_QUEUE_LINES) {
		free(pop(queue));
		queue->dropped++;
	}
	queue->lines[(queue->first + queue->count) % CONTROL_QUEUE_LINES] = line;
	queue->count++;
}

static size_t text_length(const struct control_queue *queue)
{
	size_t length = 0;
	for (size_t i = 0; i < queue->count; i++)
		length += strlen(queue->lines[(queue->first + i) % CONTROL_QUEUE_LINES]) + 1;
	return length;
}

char *control_queue_take(struct control_queue *queue, size_t *length)
{
	if (queue->count == 0)
		return NULL;
	char *text = malloc(text_length(queue));
	if (!text)
		return NULL;
	*length = 0;
	while (queue->count > 0) {
		char *line = pop(queue);
		size_t size = strlen(line);
		memcpy(text + *length, line, size);
		text[*length + size] = '\n';
		*length += size + 1;
		free(line);
	}
	return text;
}

void control_queue_clear(struct control_queue *queue)
{
	while (queue->count > 0)
		free(pop(queue));
}
