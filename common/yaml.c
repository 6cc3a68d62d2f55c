/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "common/yaml.h"

struct cost {
	size_t values;
	size_t text;
};

struct anchor {
	char *name;
	cJSON *tree; /* NULL while the node it names is still open */
	struct cost cost;
};

/* A collection that is still open. */
struct frame {
	cJSON *node;
	char *key; /* of the member whose value is next; NULL: a key is next */
	unsigned key_line;
	const char *list; /* its elements go to the handler; NULL: they stay in the tree */
	size_t count;     /* elements handed over */
	size_t anchor;    /* index + 1 of the anchor on it, 0 = none */
	struct cost before;
};

struct reader {
	const char *file;
	const struct yaml_handler *handler;
	struct error *err;
	unsigned line; /* of the event at hand */
	cJSON *document;
	cJSON *element; /* of a list, not part of the document */
	struct frame frames[YAML_DEPTH_MAX];
	size_t depth;
	struct anchor anchors[YAML_ANCHORS_MAX];
	size_t anchor_count;
	struct cost cost;    /* of the document and the element at hand */
	struct cost aliases; /* all in the text */
};

static int refuse(const struct reader *reader, int code, const char *value, const char *rule)
{
	struct error_place place = {.file = reader->file, .line = reader->line};

	return error_at(reader->err, code, &place, value, "%s", rule);
}

static int out_of_memory(const struct reader *reader)
{
	return refuse(reader, -ENOMEM, NULL, "out of memory");
}

static bool cost_add(struct cost *cost, const struct cost *more)
{
	cost->values += more->values;
	cost->text += more->text;
	return cost->values <= YAML_VALUES_MAX && cost->text <= YAML_TEXT_MAX;
}

static int charge(struct reader *reader, size_t text)
{
	const struct cost one = {.values = 1, .text = text};

	if (!cost_add(&reader->cost, &one))
		return refuse(reader, -EFBIG, NULL, "more than one object may hold");
	return 0;
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcmp(text, *words) == 0)
			return true;
	}
	return false;
}

static bool is_null(const char *text)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};

	return is_one_of(text, words);
}

static bool is_boolean(const char *text, bool *ret)
{
	static const char *const yes[] = {"true", "True", "TRUE", NULL};
	static const char *const no[] = {"false", "False", "FALSE", NULL};

	*ret = is_one_of(text, yes);
	return *ret || is_one_of(text, no);
}

static size_t span_digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_decimal(const char *text)
{
	size_t whole;
	size_t fraction = 0;

	text += *text == '-' || *text == '+';
	whole = span_digits(text);
	text += whole;
	if (*text == '.') {
		fraction = span_digits(++text);
		text += fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		if (span_digits(text) == 0)
			return false;
		text += span_digits(text);
	}
	return *text == '\0';
}

static bool is_based(const char *text, const char *prefix, const char *digits)
{
	if (strncmp(text, prefix, 2) != 0 || text[2] == '\0')
		return false;
	return text[2 + strspn(text + 2, digits)] == '\0';
}

static bool is_special(const char *text, double *ret)
{
	static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
	static const char *const not_numbers[] = {".nan", ".NaN", ".NAN", NULL};
	const char *unsigned_text = text + (*text == '-' || *text == '+');

	if (is_one_of(unsigned_text, infinities))
		*ret = *text == '-' ? -INFINITY : INFINITY;
	else if (is_one_of(text, not_numbers))
		*ret = NAN;
	else
		return false;
	return true;
}

static bool is_number(const char *text, double *ret)
{
	if (is_decimal(text))
		*ret = strtod(text, NULL);
	else if (is_based(text, "0x", "0123456789abcdefABCDEF"))
		*ret = (double)strtoull(text + 2, NULL, 16);
	else if (is_based(text, "0o", "01234567"))
		*ret = (double)strtoull(text + 2, NULL, 8);
	else
		return is_special(text, ret);
	return true;
}

static cJSON *plain_scalar(const char *text)
{
	double number;
	bool truth;

	if (is_null(text))
		return cJSON_CreateNull();
	if (is_boolean(text, &truth))
		return cJSON_CreateBool(truth);
	if (is_number(text, &number))
		return cJSON_CreateNumber(number);
	return cJSON_CreateString(text);
}

static bool is_text(const yaml_event_t *event)
{
	const char *tag = (const char *)event->data.scalar.tag;

	if (tag != NULL)
		return strcmp(tag, YAML_STR_TAG) == 0 || strcmp(tag, "!") == 0;
	return event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

/* The core schema's tags say what plain text says by itself; any other asks for a type that
 * documents do not have. */
static bool tag_is_known(const char *tag)
{
	static const char *const tags[] = {"!",           YAML_STR_TAG, YAML_NULL_TAG,
	                                   YAML_BOOL_TAG, YAML_INT_TAG, YAML_FLOAT_TAG,
	                                   YAML_SEQ_TAG,  YAML_MAP_TAG, NULL};

	return tag == NULL || is_one_of(tag, tags);
}

static struct frame *top(struct reader *reader)
{
	return reader->depth > 0 ? &reader->frames[reader->depth - 1] : NULL;
}

/* Takes the node, also on failure. */
static int place_node(struct reader *reader, cJSON *node)
{
	struct frame *frame = top(reader);
	bool placed = true;

	node->valueint = (int)reader->line;
	if (frame == NULL) {
		reader->document = node;
	} else if (frame->list != NULL) {
		reader->element = node;
	} else if (cJSON_IsArray(frame->node)) {
		placed = cJSON_AddItemToArray(frame->node, node);
	} else {
		/* A person looks for a member where its key is. */
		node->valueint = (int)frame->key_line;
		placed = cJSON_AddItemToObject(frame->node, frame->key, node);
		free(frame->key);
		frame->key = NULL;
	}
	if (placed)
		return 0;
	cJSON_Delete(node);
	return out_of_memory(reader);
}

/* A value is complete: an element of a list goes to the handler now. */
static int finish_node(struct reader *reader)
{
	struct frame *frame = top(reader);
	int ret;

	if (frame == NULL || frame->list == NULL)
		return 0;
	ret = reader->handler->element(reader->handler->context, reader->document, frame->list,
	                               frame->count++, reader->element, reader->err);
	cJSON_Delete(reader->element);
	reader->element = NULL;
	reader->cost = frame->before;
	return ret;
}

/* Where an anchor is given twice the later one holds: aliases look from the end. */
static int open_anchor(struct reader *reader, const yaml_char_t *name, size_t *ret)
{
	char *copy;

	*ret = 0;
	if (name == NULL)
		return 0;
	if (reader->anchor_count == YAML_ANCHORS_MAX)
		return refuse(reader, -EFBIG, (const char *)name, "too many anchors");
	copy = strdup((const char *)name);
	if (copy == NULL)
		return out_of_memory(reader);
	reader->anchors[reader->anchor_count++] = (struct anchor){.name = copy};
	*ret = reader->anchor_count;
	return 0;
}

/* The tree that an anchor names may be gone before its aliases come: a list's elements are. */
static int close_anchor(struct reader *reader, size_t index, const cJSON *node,
                        const struct cost *before)
{
	struct anchor *anchor;

	if (index == 0)
		return 0;
	anchor = &reader->anchors[index - 1];
	anchor->cost = (struct cost){.values = reader->cost.values - before->values,
	                             .text = reader->cost.text - before->text};
	if (!cost_add(&reader->aliases, &anchor->cost))
		return refuse(reader, -EFBIG, anchor->name, "anchors and aliases hold too much");
	anchor->tree = cJSON_Duplicate(node, true);
	return anchor->tree != NULL ? 0 : out_of_memory(reader);
}

static int read_key(struct reader *reader, const yaml_event_t *event)
{
	struct frame *frame = top(reader);
	int ret = charge(reader, event->data.scalar.length);

	if (ret < 0)
		return ret;
	if (event->data.scalar.anchor != NULL)
		return refuse(reader, -EBADMSG, (const char *)event->data.scalar.value,
		              "an anchor on a key is not supported");
	frame->key_line = reader->line;
	frame->key = strdup((const char *)event->data.scalar.value);
	return frame->key != NULL ? 0 : out_of_memory(reader);
}

static int read_value(struct reader *reader, const yaml_event_t *event)
{
	const struct cost before = reader->cost;
	const char *text = (const char *)event->data.scalar.value;
	size_t anchor;
	cJSON *node;
	int ret = charge(reader, event->data.scalar.length);

	if (ret < 0)
		return ret;
	ret = open_anchor(reader, event->data.scalar.anchor, &anchor);
	if (ret < 0)
		return ret;
	node = is_text(event) ? cJSON_CreateString(text) : plain_scalar(text);
	if (node == NULL)
		return out_of_memory(reader);
	ret = place_node(reader, node);
	if (ret < 0)
		return ret;
	ret = close_anchor(reader, anchor, node, &before);
	return ret < 0 ? ret : finish_node(reader);
}

static int read_scalar(struct reader *reader, const yaml_event_t *event)
{
	const struct frame *frame = top(reader);

	if (!tag_is_known((const char *)event->data.scalar.tag))
		return refuse(reader, -EBADMSG, (const char *)event->data.scalar.tag,
		              "not a tag of YAML's core schema");
	if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
		return refuse(reader, -EBADMSG, (const char *)event->data.scalar.value,
		              "a NUL character is not accepted");
	if (frame != NULL && cJSON_IsObject(frame->node) && frame->key == NULL)
		return read_key(reader, event);
	return read_value(reader, event);
}

/* The value that is next is a list whose elements go to the handler. */
static bool at_list(struct reader *reader)
{
	const struct frame *frame = top(reader);

	return reader->depth == 1 && frame->key != NULL && reader->handler->is_list != NULL &&
	       reader->handler->is_list(reader->handler->context, frame->key);
}

static int read_alias(struct reader *reader, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct frame *frame = top(reader);
	const struct anchor *anchor = NULL;
	cJSON *node;
	int ret;

	for (size_t i = reader->anchor_count; i > 0 && anchor == NULL; i--) {
		if (strcmp(reader->anchors[i - 1].name, name) == 0)
			anchor = &reader->anchors[i - 1];
	}
	if (anchor == NULL || anchor->tree == NULL)
		return refuse(reader, -EBADMSG, name, "no complete value has that anchor");
	if (frame != NULL && cJSON_IsObject(frame->node) && frame->key == NULL)
		return refuse(reader, -EBADMSG, name, "a key must be plain text");
	if (at_list(reader))
		return refuse(reader, -EBADMSG, name, "a list of objects must be written out");
	if (!cost_add(&reader->aliases, &anchor->cost) || !cost_add(&reader->cost, &anchor->cost))
		return refuse(reader, -EFBIG, name, "anchors and aliases hold too much");
	node = cJSON_Duplicate(anchor->tree, true);
	if (node == NULL)
		return out_of_memory(reader);
	ret = place_node(reader, node);
	return ret < 0 ? ret : finish_node(reader);
}

static int open_collection(struct reader *reader, bool sequence, const yaml_char_t *anchor_name,
                           const char *tag)
{
	const struct frame *parent = top(reader);
	struct frame frame = {.before = reader->cost};
	bool listed;
	int ret = charge(reader, 0);

	if (ret < 0)
		return ret;
	if (reader->depth == YAML_DEPTH_MAX)
		return refuse(reader, -EFBIG, NULL, "nested too deep");
	if (!tag_is_known(tag))
		return refuse(reader, -EBADMSG, tag, "not a tag of YAML's core schema");
	if (parent != NULL && cJSON_IsObject(parent->node) && parent->key == NULL)
		return refuse(reader, -EBADMSG, NULL, "a key must be plain text");
	listed = sequence && at_list(reader);
	if (listed && anchor_name != NULL)
		return refuse(reader, -EBADMSG, (const char *)anchor_name,
		              "an anchor on a list of objects is not supported");
	ret = open_anchor(reader, anchor_name, &frame.anchor);
	if (ret < 0)
		return ret;
	frame.node = sequence ? cJSON_CreateArray() : cJSON_CreateObject();
	if (frame.node == NULL)
		return out_of_memory(reader);
	ret = place_node(reader, frame.node);
	if (ret < 0)
		return ret;
	if (listed) {
		frame.list = frame.node->string;
		frame.before = reader->cost;
	}
	reader->frames[reader->depth++] = frame;
	return 0;
}

static int close_collection(struct reader *reader)
{
	struct frame frame;
	int ret;

	if (reader->depth == 0)
		return refuse(reader, -EBADMSG, NULL, "the end of nothing");
	frame = reader->frames[--reader->depth];
	ret = close_anchor(reader, frame.anchor, frame.node, &frame.before);
	return ret < 0 ? ret : finish_node(reader);
}

static void forget_document(struct reader *reader)
{
	for (size_t i = 0; i < reader->depth; i++)
		free(reader->frames[i].key);
	for (size_t i = 0; i < reader->anchor_count; i++) {
		free(reader->anchors[i].name);
		cJSON_Delete(reader->anchors[i].tree);
	}
	cJSON_Delete(reader->element);
	cJSON_Delete(reader->document);
	reader->depth = 0;
	reader->anchor_count = 0;
	reader->element = NULL;
	reader->document = NULL;
	reader->cost = (struct cost){0};
}

static int close_document(struct reader *reader)
{
	int ret =
		reader->handler->document(reader->handler->context, reader->document, reader->err);

	forget_document(reader);
	return ret;
}

static int read_event(struct reader *reader, const yaml_event_t *event)
{
	reader->line = (unsigned)event->start_mark.line + 1;
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(reader, event);
	case YAML_ALIAS_EVENT:
		return read_alias(reader, event);
	case YAML_MAPPING_START_EVENT:
		return open_collection(reader, false, event->data.mapping_start.anchor,
		                       (const char *)event->data.mapping_start.tag);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(reader, true, event->data.sequence_start.anchor,
		                       (const char *)event->data.sequence_start.tag);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return close_collection(reader);
	case YAML_DOCUMENT_END_EVENT:
		return close_document(reader);
	default:
		return 0;
	}
}

static int parse_failed(struct reader *reader, const yaml_parser_t *parser)
{
	struct error_place place = {.file = reader->file,
	                            .line = (unsigned)parser->problem_mark.line + 1};

	if (parser->error == YAML_MEMORY_ERROR)
		return out_of_memory(reader);
	return error_at(reader->err, -EBADMSG, &place, NULL, "not YAML: %s",
	                parser->problem != NULL ? parser->problem : "cannot be parsed");
}

static int read_events(struct reader *reader, yaml_parser_t *parser)
{
	yaml_event_t event;
	bool last;
	int ret;

	do {
		if (!yaml_parser_parse(parser, &event))
			return parse_failed(reader, parser);
		last = event.type == YAML_STREAM_END_EVENT;
		ret = read_event(reader, &event);
		yaml_event_delete(&event);
	} while (ret >= 0 && !last);
	return ret;
}

int yaml_read(const char *file, const char *text, size_t length, const struct yaml_handler *handler,
              struct error *err)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	yaml_parser_t parser;
	int ret = -ENOMEM;

	if (reader == NULL || !yaml_parser_initialize(&parser)) {
		error_set(err, ret, "%s: out of memory", file);
		goto cleanup;
	}
	*reader = (struct reader){.file = file, .handler = handler, .err = err};
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	ret = read_events(reader, &parser);
	forget_document(reader);
	yaml_parser_delete(&parser);
cleanup:
	free(reader);
	return ret;
}

unsigned yaml_line(const cJSON *value)
{
	return (unsigned)value->valueint;
}
