/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONTROL_QUEUE_H
#define PODSG_CONTROL_QUEUE_H

/* Lines that wait for a client of the control socket to read them: so many, the oldest give way. */

#include <stddef.h>
#include <stdint.h>

#define CONTROL_QUEUE_LINES 256

/* Zero to begin with. */
struct control_queue {
	char *lines[CONTROL_QUEUE_LINES];
	size_t first;
	size_t count;
	uint64_t dropped; /* lines that had to give way */
};

/* Takes the line, a string of malloc()'s. */
void control_queue_put(struct control_queue *queue, char *line);

/* All that waits as one text, each line with its end; the caller frees it. NULL: nothing waits, or
 * no memory. */
char *control_queue_take(struct control_queue *queue, size_t *length);

void control_queue_clear(struct control_queue *queue);

#endif
