/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_COREFILE_PLACEHOLDER_H
#define PODSG_COREFILE_PLACEHOLDER_H

#include "dnscache/corefile/corefile_reader.h"

/* {$NAME} and {%NAME%}, once: a variable's text is not looked through again. NULL: no memory. */
const char *corefile_fill_environment(struct corefile_reader *reader, const char *text);

/*
 * __PILLAR__…: a word that is nothing else becomes as many words as its value has, which are
 * appended; true then, and on failure. In a longer word it is replaced by the first of them, an
 * IPv6 address in brackets: "__PILLAR__LOCAL__DNS__:8080".
 */
bool corefile_fill_placeholders(struct corefile_reader *reader, struct corefile_token *token,
                                struct vector *tokens);

#endif
