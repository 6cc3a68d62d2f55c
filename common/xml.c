/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/xml.h"

#define PIECE_MAX (1U << 20) /* expat counts in int */

struct xml {
	XML_Parser parser;
	char *name;
	struct xml_handler handler;
	struct error error;
	unsigned depth;
	bool leaf; /* nothing has begun or ended inside the innermost element */
	size_t size;
	size_t quiet; /* bytes since expat last said something */
	size_t text_length;
	bool text_cut;
	char text[XML_TEXT_MAX + 1];
};

static int fail(struct xml *xml, int code, const char *rule)
{
	struct error_place place = {.file = xml->name,
	                            .line = (unsigned)XML_GetCurrentLineNumber(xml->parser)};
	(void)XML_StopParser(xml->parser, XML_FALSE);
	return error_at(&xml->error, code, &place, NULL, "%s", rule);
}

/* What a callback refused: its sentence, or ours where it has none. */
static void refused(struct xml *xml, int code, const struct error *failure)
{
	if (code < 0)
		fail(xml, code, failure->code ? failure->text : "refused");
}

static void start_element(void *context, const XML_Char *name, const XML_Char **attributes)
{
	struct xml *xml = context;
	(void)attributes;
	if (xml->error.code)
		return;
	xml->quiet = 0;
	xml->leaf = true;
	xml->text_length = 0;
	xml->text_cut = false;
	if (++xml->depth > XML_DEPTH_MAX) {
		fail(xml, -EFBIG, "elements are nested too deep");
		return;
	}
	struct error failure = {0};
	refused(xml, xml->handler.start(xml->handler.context, name, &failure), &failure);
}

static void end_element(void *context, const XML_Char *name)
{
	struct xml *xml = context;
	if (xml->error.code)
		return;
	xml->quiet = 0;
	xml->depth--;
	xml->text[xml->text_length] = '\0';
	const char *text = xml->text_cut ? NULL : xml->text;
	if (!xml->leaf)
		text = "";
	xml->leaf = false;
	struct error failure = {0};
	refused(xml, xml->handler.end(xml->handler.context, name, text, &failure), &failure);
}

static void character_data(void *context, const XML_Char *text, int length)
{
	struct xml *xml = context;
	xml->quiet = 0;
	if (!xml->leaf || xml->text_cut)
		return;
	if ((size_t)length > XML_TEXT_MAX - xml->text_length) {
		xml->text_cut = true;
		return;
	}
	memcpy(xml->text + xml->text_length, text, (size_t)length);
	xml->text_length += (size_t)length;
}

/* Comments and the like: nothing to us, but a sign of life. */
static void other(void *context, const XML_Char *text, int length)
{
	struct xml *xml = context;
	(void)text;
	(void)length;
	xml->quiet = 0;
}

static void doctype(void *context, const XML_Char *name, const XML_Char *system,
                    const XML_Char *public, int internal)
{
	struct xml *xml = context;
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	if (!xml->error.code)
		fail(xml, -EBADMSG, "has a document type, which is not accepted");
}

static int parse(struct xml *xml, const char *data, size_t length, bool last)
{
	xml->quiet += length;
	if (XML_Parse(xml->parser, data, (int)length, last) != XML_STATUS_OK && !xml->error.code) {
		enum XML_Error code = XML_GetErrorCode(xml->parser);
		fail(xml, code == XML_ERROR_NO_MEMORY ? -ENOMEM : -EBADMSG, XML_ErrorString(code));
	}
	if (!xml->error.code && xml->quiet > XML_TOKEN_MAX)
		fail(xml, -EFBIG, "a tag or comment is too long");
	return xml->error.code;
}

static int report(const struct xml *xml, struct error *err)
{
	return error_set(err, xml->error.code, "%s", xml->error.text);
}

int xml_open(const char *name, const struct xml_handler *handler, struct xml **ret,
             struct error *err)
{
	struct xml *xml = calloc(1, sizeof(*xml));
	if (!xml)
		return error_set(err, -ENOMEM, "%s: out of memory", name);
	xml->handler = *handler;
	xml->name = strdup(name);
	xml->parser = XML_ParserCreate(NULL);
	if (!xml->name || !xml->parser) {
		xml_close(xml);
		return error_set(err, -ENOMEM, "%s: out of memory", name);
	}
	XML_SetUserData(xml->parser, xml);
	XML_SetElementHandler(xml->parser, start_element, end_element);
	XML_SetCharacterDataHandler(xml->parser, character_data);
	XML_SetStartDoctypeDeclHandler(xml->parser, doctype);
	XML_SetDefaultHandler(xml->parser, other);
	*ret = xml;
	return 0;
}

int xml_feed(struct xml *xml, const char *data, size_t length, struct error *err)
{
	if (xml->error.code)
		return report(xml, err);
	if (length > XML_SIZE_MAX - xml->size)
		fail(xml, -EFBIG, "larger than an answer may be");
	xml->size += length;
	while (length > 0 && !xml->error.code) {
		size_t piece = length < PIECE_MAX ? length : PIECE_MAX;
		(void)parse(xml, data, piece, false);
		data += piece;
		length -= piece;
	}
	return xml->error.code ? report(xml, err) : 0;
}

int xml_finish(struct xml *xml, struct error *err)
{
	if (!xml->error.code)
		(void)parse(xml, "", 0, true);
	return xml->error.code ? report(xml, err) : 0;
}

void xml_close(struct xml *xml)
{
	if (!xml)
		return;
	if (xml->parser)
		XML_ParserFree(xml->parser);
	free(xml->name);
	free(xml);
}
