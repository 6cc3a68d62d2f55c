/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/exposition.h"

/* Fields of /proc/self/stat behind the command's name: see proc(5), where the first is state (3).
 */
enum {
	STAT_USER_TIME = 14 - 3,
	STAT_SYSTEM_TIME = 15 - 3,
	STAT_START = 22 - 3,
	STAT_VIRTUAL = 23 - 3,
	STAT_RESIDENT = 24 - 3,
	STAT_FIELDS,
};

static bool read_line(const char *path, const char *key, char *line, int size)
{
	FILE *file = fopen(path, "re");
	bool found = false;
	while (file && !found && fgets(line, size, file))
		found = strncmp(line, key, strlen(key)) == 0;
	if (file)
		(void)fclose(file);
	return found;
}

static bool read_stat(double fields[static STAT_FIELDS])
{
	char line[1024];
	if (!read_line("/proc/self/stat", "", line, sizeof(line)))
		return false;
	/* The command's name may hold anything. */
	char *field = strrchr(line, ')');
	for (int i = 0; i < STAT_FIELDS; i++) {
		field = field ? strchr(field + 1, ' ') : NULL;
		if (!field)
			return false;
		fields[i] = strtod(field, NULL);
	}
	return true;
}

static double boot_time(void)
{
	char line[256];
	return read_line("/proc/stat", "btime ", line, sizeof(line)) ? strtod(line + 6, NULL) : 0;
}

static void expose_files(FILE *out)
{
	struct rlimit limit;
	int count = 0;
	DIR *directory = opendir("/proc/self/fd");
	/* cppcheck-suppress readdirCalled ; the stream is nobody else's */
	while (directory && readdir(directory)) /* NOLINT(concurrency-mt-unsafe) */
		count++;
	if (directory)
		(void)closedir(directory);
	/* "." and "..", and the directory itself. */
	if (count > 3)
		expose_one(out, "process_open_fds", "gauge", "Open file descriptors.", count - 3);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		expose_one(out, "process_max_fds", "gauge", "File descriptors that may be open.",
		           (double)limit.rlim_cur);
}

void expose_process(FILE *out)
{
	double fields[STAT_FIELDS];
	double ticks = (double)sysconf(_SC_CLK_TCK);
	if (read_stat(fields)) {
		expose_one(out, "process_cpu_seconds_total", "counter", "User and system CPU time.",
		           (fields[STAT_USER_TIME] + fields[STAT_SYSTEM_TIME]) / ticks);
		expose_one(out, "process_start_time_seconds", "gauge",
		           "When the process began, since 1970.",
		           boot_time() + fields[STAT_START] / ticks);
		expose_one(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.",
		           fields[STAT_VIRTUAL]);
		expose_one(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
		           fields[STAT_RESIDENT] * (double)sysconf(_SC_PAGESIZE));
	}
	expose_files(out);
}
