/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/objects.h"

const char *label_value(const struct labels *labels, const char *key)
{
	for (size_t i = 0; i < labels->count; i++) {
		if (strcmp(labels->items[i].key, key) == 0)
			return labels->items[i].value;
	}
	return NULL;
}

static bool value_listed(const struct selector_requirement *requirement, const char *value)
{
	for (size_t i = 0; i < requirement->value_count; i++) {
		if (strcmp(requirement->values[i], value) == 0)
			return true;
	}
	return false;
}

static bool requirement_holds(const struct selector_requirement *requirement,
                              const struct labels *labels)
{
	const char *value = label_value(labels, requirement->key);

	switch (requirement->operator) {
	case SELECTOR_IN:
		return value != NULL && value_listed(requirement, value);
	case SELECTOR_NOT_IN:
		return value == NULL || !value_listed(requirement, value);
	case SELECTOR_EXISTS:
		return value != NULL;
	case SELECTOR_DOES_NOT_EXIST:
		return value == NULL;
	}
	return false;
}

bool selector_matches(const struct selector *selector, const struct labels *labels)
{
	if (selector->invalid)
		return false;
	for (size_t i = 0; i < selector->count; i++) {
		if (!requirement_holds(&selector->requirements[i], labels))
			return false;
	}
	return true;
}
