/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>

#include "common/utf8.h"

size_t utf8_length(const char *begin)
{
	static const struct {
		uint8_t low;
		uint8_t high;
		uint8_t second_low;
		uint8_t second_high;
		uint8_t length;
	} forms[] = {
		{0x20, 0x7e, 0, 0xff, 1},    {0xc2, 0xc2, 0xa0, 0xbf, 2},
		{0xc3, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	const unsigned char *text = (const unsigned char *)begin;
	size_t i = 0;

	while (i < sizeof(forms) / sizeof(forms[0]) && text[0] > forms[i].high)
		i++;
	if (i == sizeof(forms) / sizeof(forms[0]) || text[0] < forms[i].low)
		return 0;
	if (forms[i].length > 1 &&
	    (text[1] < forms[i].second_low || text[1] > forms[i].second_high))
		return 0;
	for (size_t k = 2; k < forms[i].length; k++) {
		if ((text[k] & 0xc0) != 0x80)
			return 0;
	}
	return forms[i].length;
}
