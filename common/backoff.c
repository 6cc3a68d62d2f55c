/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/random.h>
#include <time.h>

#include "common/backoff.h"

uint32_t backoff_random(uint32_t limit)
{
	uint32_t number;

	/* Early after boot there may be no entropy yet; the clock will do. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number)) {
		struct timespec now = {0};

		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		number = (uint32_t)now.tv_nsec;
	}
	return number % limit;
}

uint64_t backoff_jitter(uint64_t milliseconds)
{
	return milliseconds - milliseconds / 4 + backoff_random((uint32_t)(milliseconds / 2) + 1);
}

uint64_t backoff_pause(unsigned failures, uint64_t first, uint64_t last)
{
	uint64_t milliseconds = first;

	for (unsigned i = 1; i < failures && milliseconds < last; i++)
		milliseconds *= 2;
	return backoff_jitter(milliseconds < last ? milliseconds : last);
}
