/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "nft-sync/ctl/ctl.h"

const char *text_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
	return cJSON_IsString(item) ? item->valuestring : "";
}

double number_of(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

bool is_true(const cJSON *object, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, key));
}

const cJSON *part(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

const char *colour(enum colour wanted)
{
	static const char *const codes[] = {"\033[0m", "\033[32m", "\033[31m", "\033[2m",
	                                    "\033[33m"};
	if (!isatty(STDOUT_FILENO) || getenv("NO_COLOR"))
		return "";
	return codes[wanted];
}

const char *age_text(const cJSON *age, char *buffer, unsigned size)
{
	static const struct {
		double seconds;
		const char *unit;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
	if (!cJSON_IsNumber(age)) {
		snprintf(buffer, size, "never");
		return buffer;
	}
	size_t i = 0;
	while (i < 3 && age->valuedouble < units[i].seconds)
		i++;
	snprintf(buffer, size, "%.0f%s", age->valuedouble / units[i].seconds, units[i].unit);
	return buffer;
}
