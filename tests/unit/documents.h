/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TEST_DOCUMENTS_H
#define PODSG_TEST_DOCUMENTS_H

/* Documents from text, for tests: what should load fails the test with its error, and reverse. */

#include "common/document.h"

struct document *load_json(const char *text);
struct document *load_yaml(const char *text);

/* The text begins with '{' for JSON and is YAML otherwise; its name is d.json or d.yaml. */
void assert_refused(const char *text, int code, const char *message);
void assert_warns(const char *text, const char *warning);

#endif
