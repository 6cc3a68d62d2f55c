/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>

#include "hooks/cni/cni_failure.h"

enum cni_code cni_fail(struct cni_failure *failure, enum cni_code code, const char *details,
                       const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(failure->message, sizeof(failure->message), format, arguments);
	va_end(arguments);
	(void)snprintf(failure->details, sizeof(failure->details), "%s", details);
	failure->code = code;
	return code;
}

static void add_member(struct buffer *buffer, const char *name, const char *text)
{
	buffer_add_format(buffer, ",\"%s\":", name);
	buffer_add_json(buffer, text);
}

void cni_failure_print(const struct cni_failure *failure, const char *version,
                       struct buffer *buffer)
{
	buffer_add_text(buffer, "{\"cniVersion\":");
	buffer_add_json(buffer, version);
	buffer_add_format(buffer, ",\"code\":%d", (int)failure->code);
	add_member(buffer, "msg", failure->message);
	if (failure->details[0])
		add_member(buffer, "details", failure->details);
	buffer_add_text(buffer, "}\n");
}
