/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded: memory that runs out and a wall clock that jumps. FAULT_FIRST: the number of the
 * allocation that fails first, from 1; FAULT_COUNT: how many do. FAULT_CLOCK: a file with the
 * seconds that the clock is ahead, as an int64.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* glibc's own names for those that are replaced here. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static uint64_t first, last; /* first: 0, none */
static _Atomic uint64_t number;
static const _Atomic int64_t *ahead;

static uint64_t number_in(const char *name)
{
	const char *text = getenv(name);
	return text ? strtoull(text, NULL, 10) : 0;
}

static void __attribute__((constructor)) begin(void)
{
	const char *clock = getenv("FAULT_CLOCK");
	int fd = clock ? open(clock, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0)
		ahead = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);
	last = number_in("FAULT_FIRST") + number_in("FAULT_COUNT");
	first = number_in("FAULT_FIRST");
}

static bool fails(void)
{
	if (first == 0)
		return false;
	uint64_t now = atomic_fetch_add(&number, 1) + 1;
	if (now < first || now >= last)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return fails() ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __libc_memalign(alignment, size);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret);
	if (r == 0 && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret->tv_sec += atomic_load(ahead);
	return r;
}

time_t time(time_t *ret)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
	return 0;
}
