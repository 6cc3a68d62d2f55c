/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/name_distance.h"

#define NAME_COMPARED_MAX 31

size_t name_distance(const char *a, const char *b, size_t b_length)
{
	size_t row[NAME_COMPARED_MAX + 1];
	size_t a_length = strlen(a);

	if (a_length > NAME_COMPARED_MAX || b_length > NAME_COMPARED_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_length; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t above = row[j];
			size_t best = diagonal + (strncasecmp(&a[i - 1], &b[j - 1], 1) != 0);

			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[b_length];
}
