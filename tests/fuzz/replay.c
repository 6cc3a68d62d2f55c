/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Stands in for libFuzzer: feeds every file named on the command line, and every file of every
 * directory named, to the fuzz target, so that the corpus is an ordinary test. */

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_all(FILE *file, size_t size, uint8_t **ret)
{
	/* malloc() and exactly this size: a read beyond the end is seen by the sanitizer. */
	uint8_t *data = malloc(size ? size : 1);

	if (!data)
		return -ENOMEM;
	if (fread(data, 1, size, file) != size) {
		free(data);
		return -EIO;
	}
	*ret = data;
	return 0;
}

static int replay_file(const char *path)
{
	struct stat info;
	uint8_t *data = NULL;
	int ret = -1;
	FILE *file = fopen(path, "rbe");

	if (!file)
		goto out;
	if (fstat(fileno(file), &info) < 0 || read_all(file, (size_t)info.st_size, &data) < 0)
		goto out;
	LLVMFuzzerTestOneInput(data, (size_t)info.st_size);
	ret = 0;
out:
	if (ret < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	free(data);
	if (file)
		fclose(file);
	return ret;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_directory(const char *path, unsigned *number)
{
	struct dirent **entries;
	int failed = 0;
	int count = scandir(path, &entries, is_visible, alphasort);

	if (count < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		/* Said before the target runs: if it aborts, the last line names the culprit. */
		printf("# %s\n", name);
		fflush(stdout);
		if (replay_file(name) < 0)
			failed = -1;
		else
			printf("ok %u - %s\n", ++*number, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return failed;
}

int main(int argc, char **argv)
{
	struct stat info;
	unsigned number = 0;
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
			failed |= replay_directory(argv[i], &number);
		else
			failed |= replay_file(argv[i]);
	}
	printf("1..%u\n", number);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
