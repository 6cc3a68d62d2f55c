/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <string.h>

#include "nft-sync/ctl/report_parts.h"

/* Inside of elements and of quoted attributes. Names of pods and groups are what others chose.
 * NULL, what an answer lacks, is nothing. */
static void escape(struct buffer *page, const char *text)
{
	for (; text && *text; text++) {
		if (*text == '&')
			buffer_add_text(page, "&amp;");
		else if (*text == '<')
			buffer_add_text(page, "&lt;");
		else if (*text == '>')
			buffer_add_text(page, "&gt;");
		else if (*text == '"')
			buffer_add_text(page, "&quot;");
		else if (*text == '\'')
			buffer_add_text(page, "&#39;");
		else if ((unsigned char)*text < ' ' && *text != '\n' && *text != '\t')
			buffer_add_text(page, "\xef\xbf\xbd");
		else
			buffer_add(page, text, 1);
	}
}

void html(struct buffer *page, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	for (const char *mark; (mark = strchr(format, '%')); format = mark + 2) {
		buffer_add(page, format, (size_t)(mark - format));
		if (mark[1] == 's')
			escape(page, va_arg(arguments, const char *));
		else if (mark[1] == 'd')
			buffer_add_format(page, "%d", va_arg(arguments, int));
		else
			buffer_add(page, "%", 1);
	}
	buffer_add_text(page, format);
	va_end(arguments);
}
