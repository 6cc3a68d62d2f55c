/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CTL_H
#define PODSG_CTL_H

/* podsgctl's answers as text for people. Each prints what the daemon said to standard output. */

#include <cjson/cJSON.h>
#include <stdbool.h>

void show_status(const cJSON *answer);
void show_pods(const cJSON *answer);
void show_groups(const cJSON *answer);
void show_explain(const cJSON *answer);

/* Missing things are "" and 0. */
const char *text_of(const cJSON *object, const char *key);
double number_of(const cJSON *object, const char *key);
bool is_true(const cJSON *object, const char *key);
const cJSON *part(const cJSON *object, const char *key); /* NULL: there is none */

/* Colours, only where standard output is a terminal; "" else. */
enum colour { COLOUR_OFF, COLOUR_GOOD, COLOUR_BAD, COLOUR_DIM, COLOUR_WARN };
const char *colour(enum colour colour);

/* "12s", "3m", "5h", "2d"; "never" for null. Returns buffer. */
const char *age_text(const cJSON *age, char *buffer, unsigned size);

#endif
