/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/loader.h"

#define LABEL_PART_MAX 63
#define LABEL_DOMAIN_MAX 253

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Letters, digits, '-', '_' and '.', the first and last one a letter or digit. */
static bool is_label_part(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > LABEL_PART_MAX || !is_alphanumeric(text[0]) ||
	    !is_alphanumeric(text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!is_alphanumeric(text[i]) && strchr("-_.", text[i]) == NULL)
			return false;
	}
	return true;
}

static bool is_domain(const char *text, size_t length)
{
	if (length == 0 || length > LABEL_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool first = i == 0 || text[i - 1] == '.';
		bool last = i + 1 == length || text[i + 1] == '.';

		if (text[i] >= 'A' && text[i] <= 'Z')
			return false;
		if (!is_alphanumeric(text[i]) &&
		    (first || last || (text[i] != '-' && text[i] != '.')))
			return false;
	}
	return true;
}

static bool is_label_key(const char *text)
{
	const char *slash = strchr(text, '/');

	if (slash == NULL)
		return is_label_part(text);
	return is_domain(text, (size_t)(slash - text)) && is_label_part(slash + 1);
}

static bool is_label_value(const char *text)
{
	return text[0] == '\0' || is_label_part(text);
}

/* What apimachinery's NewRequirement accepts; what it refuses makes the selector match nothing. */
static bool requirement_is_valid(const struct selector_requirement *requirement)
{
	bool needs_values =
		requirement->operator== SELECTOR_IN || requirement->operator== SELECTOR_NOT_IN;

	if (!is_label_key(requirement->key) || needs_values != (requirement->value_count > 0))
		return false;
	for (size_t i = 0; i < requirement->value_count; i++) {
		if (!is_label_value(requirement->values[i]))
			return false;
	}
	return true;
}

static void check_requirement(struct loader *loader, const struct field *field,
                              const struct selector_requirement *requirement,
                              struct selector *selector)
{
	if (loader_failed(loader) || requirement_is_valid(requirement))
		return;
	selector->invalid = true;
	loader_warn(loader, field, "not a requirement Kubernetes accepts: selects nothing");
}

/* labels: key and value, both of which a pod has to have. */
static void read_equalities(struct loader *loader, const struct field *labels, struct selector *ret)
{
	if (loader_failed(loader) || labels->value == NULL)
		return;
	for (const cJSON *value = labels->value->child; value != NULL; value = value->next) {
		const struct field field = {.parent = labels, .key = value->string, .value = value};
		struct selector_requirement *requirement =
			loader_push(loader, &loader->requirements);

		if (requirement == NULL)
			return;
		requirement->operator= SELECTOR_IN;
		requirement->key = intern_string(loader->intern, value->string);
		if (requirement->key == NULL) {
			loader_no_memory(loader);
			return;
		}
		read_label_value(loader, &field);
		loader_keep(loader, &loader->names, &requirement->values,
		            &requirement->value_count);
		check_requirement(loader, &field, requirement, ret);
	}
}

static enum selector_operator read_operator(struct loader *loader, const struct field *requirement,
                                            struct selector *selector)
{
	static const char *const names[] = {"In", "NotIn", "Exists", "DoesNotExist"};
	const struct field field = field_member(requirement, "operator");
	const char *text = read_name(loader, &field, REQUIRED);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0)
			return (enum selector_operator)i;
	}
	selector->invalid = true;
	loader_warn(loader, &field, "expected In, NotIn, Exists or DoesNotExist: selects nothing");
	return SELECTOR_EXISTS;
}

static void read_value_element(struct loader *loader, const struct field *element, void *context)
{
	(void)context;
	read_label_value(loader, element);
}

static void read_match_expression(struct loader *loader, const struct field *element, void *context)
{
	struct selector *selector = context;
	const struct field key = field_member(element, "key");
	struct selector_requirement requirement = {
		.key = read_string(loader, &key, REQUIRED),
		.operator= read_operator(loader, element, selector),
	};
	struct selector_requirement *kept;

	read_elements(loader, element, "values", read_value_element, NULL);
	loader_keep(loader, &loader->names, &requirement.values, &requirement.value_count);
	if (!selector->invalid)
		check_requirement(loader, element, &requirement, selector);
	kept = loader_push(loader, &loader->requirements);
	if (kept != NULL)
		*kept = requirement;
}

/* NULL: absent, or it failed. */
static struct selector *new_selector(struct loader *loader, const struct field *field)
{
	struct selector *selector;

	if (loader_failed(loader) || field->value == NULL)
		return NULL;
	selector = arena_alloc(loader->document->arena, sizeof(*selector));
	if (selector == NULL)
		loader_no_memory(loader);
	return selector;
}

struct selector *read_selector_at(struct loader *loader, const struct field *field)
{
	struct selector *selector = new_selector(loader, field);

	if (selector == NULL)
		return NULL;
	const struct field labels = read_object(loader, field, "matchLabels", OPTIONAL);
	read_equalities(loader, &labels, selector);
	read_elements(loader, field, "matchExpressions", read_match_expression, selector);
	loader_keep(loader, &loader->requirements, &selector->requirements, &selector->count);
	return selector;
}

struct selector *read_selector(struct loader *loader, const struct field *parent, const char *key)
{
	const struct field field = read_object(loader, parent, key, OPTIONAL);

	return read_selector_at(loader, &field);
}

struct selector *read_equality_selector(struct loader *loader, const struct field *parent,
                                        const char *key)
{
	const struct field field = read_object(loader, parent, key, OPTIONAL);
	struct selector *selector = new_selector(loader, &field);

	if (selector == NULL)
		return NULL;
	read_equalities(loader, &field, selector);
	loader_keep(loader, &loader->requirements, &selector->requirements, &selector->count);
	return selector;
}
