/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBE_LINES_H
#define PODSG_KUBE_LINES_H

/* A stream cut into lines, as a watch has one event a line. */

#include "common/buffer.h"
#include "common/error.h"

/* A zeroed one with rest.max, the bytes that a line may have, is ready. */
struct kube_lines {
	struct buffer rest; /* a line of which the end has not come */
};

/*
 * Hands over every whole line, empty ones left out, until line() answers below 0: that is the
 * answer then. -EMSGSIZE: a line is too long. What line() gets lives as long as it runs.
 */
int kube_lines_feed(struct kube_lines *lines, const char *data, size_t length,
                    int (*line)(void *context, const char *text, size_t length, struct error *err),
                    void *context, struct error *err);
void kube_lines_done(struct kube_lines *lines); /* empty, and ready again */

#endif
