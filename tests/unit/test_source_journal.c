/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/journal.h"
#include "nft-sync/source/source_journal.h"

struct place {
	char base[64];
	char directory[80];
	struct source_journal *journal;
	struct model *model;
	bool changed;
};

static int open_place(void **state)
{
	static struct place place;
	struct error err = {0};
	place = (struct place){.base = "/tmp/podsg-journal-XXXXXX"};
	if (!mkdtemp(place.base))
		return -1;
	(void)snprintf(place.directory, sizeof(place.directory), "%s/journal", place.base);
	place.model = model_new();
	*state = &place;
	return place.model ? source_journal_open(place.directory, &place.journal, &err) : -1;
}

static int remove_item(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int close_place(void **state)
{
	struct place *place = *state;
	source_journal_close(place->journal);
	model_free(place->model);
	return nftw(place->base, remove_item, 8, FTW_DEPTH | FTW_PHYS);
}

static struct attachment attachment_of(const char *sandbox)
{
	struct attachment attachment = {
		.ifname = "eth0", .interface = "veth7", .state = ATTACHMENT_READY};
	(void)snprintf(attachment.sandbox, sizeof(attachment.sandbox), "%s", sandbox);
	assert_int_equal(boot_id_read(attachment.boot, NULL), 0);
	return attachment;
}

static void write_entry(const struct place *place, const struct attachment *attachment)
{
	struct error err = {0};
	if (journal_write(place->directory, attachment, &err) < 0)
		fail_msg("%s", err.text);
}

static void write_text(const struct place *place, const char *name, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", place->directory, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void read_journal(struct place *place)
{
	struct error err = {0};
	if (source_files_read(source_journal_files(place->journal), place->model, &place->changed,
	                      &err) < 0)
		fail_msg("%s", err.text);
}

static bool has(const struct place *place, const char *sandbox)
{
	return model_attachment(place->model, sandbox, "eth0");
}

static void without_a_directory_there_is_nothing_and_nothing_is_wrong(void **state)
{
	struct place *place = *state;
	read_journal(place);
	const struct journal_summary summary = source_journal_summary(place->journal);
	assert_int_equal(summary.files, 0);
	assert_string_equal(summary.problem, "");
	assert_string_equal(source_journal_summary(NULL).problem, "");
}

static void a_directory_that_comes_later_is_reported(void **state)
{
	struct place *place = *state;
	const struct attachment attachment = attachment_of("s1");
	read_journal(place);
	write_entry(place, &attachment);
	struct pollfd fd = {.fd = source_files_fd(source_journal_files(place->journal)),
	                    .events = POLLIN};
	assert_int_equal(poll(&fd, 1, 0), 1);
	read_journal(place);
	assert_true(place->changed);
	assert_true(has(place, "s1"));
}

static void files_come_change_and_go(void **state)
{
	struct place *place = *state;
	struct attachment attachment = attachment_of("s1");
	write_entry(place, &attachment);
	read_journal(place);
	assert_int_equal(model_attachment(place->model, "s1", "eth0")->state, ATTACHMENT_READY);
	attachment.state = ATTACHMENT_GONE;
	write_entry(place, &attachment);
	read_journal(place);
	assert_int_equal(model_attachment(place->model, "s1", "eth0")->state, ATTACHMENT_GONE);
	assert_int_equal(source_journal_summary(place->journal).attachments, 1);
	assert_int_equal(journal_remove(place->directory, "s1", "eth0", NULL), 0);
	read_journal(place);
	assert_false(has(place, "s1"));
	read_journal(place);
	assert_false(place->changed);
}

static void what_is_reported_is_read_without_a_look_at_the_rest(void **state)
{
	struct place *place = *state;
	struct source_files *files = source_journal_files(place->journal);
	const struct attachment attachment = attachment_of("s1");
	struct error err = {0};
	assert_int_equal(source_files_read_reported(files, place->model, &place->changed, &err), 0);
	assert_false(place->changed);
	write_entry(place, &attachment);
	for (unsigned round = 0; round < 2; round++) {
		assert_int_equal(
			source_files_read_reported(files, place->model, &place->changed, &err), 0);
		assert_int_equal(place->changed, round == 0);
		assert_true(has(place, "s1"));
	}
	assert_int_equal(journal_remove(place->directory, "s1", "eth0", &err), 0);
	assert_int_equal(source_files_read_reported(files, place->model, &place->changed, &err), 0);
	assert_false(has(place, "s1"));
}

static void what_another_boot_left_does_not_count(void **state)
{
	struct place *place = *state;
	struct attachment attachment = attachment_of("s1");
	attachment.boot[0] = attachment.boot[0] == '0' ? '1' : '0';
	write_entry(place, &attachment);
	read_journal(place);
	assert_false(has(place, "s1"));
	assert_int_equal(source_journal_summary(place->journal).attachments, 0);
	assert_int_equal(source_journal_summary(place->journal).broken, 0);
}

static void of_a_broken_file_the_last_good_version_stands(void **state)
{
	struct place *place = *state;
	const struct attachment attachment = attachment_of("s1");
	write_entry(place, &attachment);
	read_journal(place);
	write_text(place, "s1:eth0.json", "{\"version\": 1");
	write_text(place, "s2:eth0.json", "");
	read_journal(place);
	assert_true(has(place, "s1"));
	const struct journal_summary summary = source_journal_summary(place->journal);
	assert_int_equal(summary.broken, 2);
	assert_int_equal(summary.attachments, 1);
	assert_non_null(strstr(summary.problem, ":eth0.json"));
}

static void a_file_under_another_name_is_refused(void **state)
{
	struct place *place = *state;
	const struct attachment attachment = attachment_of("s1");
	char from[256];
	char to[256];
	write_entry(place, &attachment);
	(void)snprintf(from, sizeof(from), "%s/s1:eth0.json", place->directory);
	(void)snprintf(to, sizeof(to), "%s/s2:eth0.json", place->directory);
	assert_int_equal(rename(from, to), 0);
	read_journal(place);
	assert_false(has(place, "s1"));
	assert_non_null(strstr(source_journal_summary(place->journal).problem, "is of sandbox s1"));
}

static void other_files_are_no_entries(void **state)
{
	struct place *place = *state;
	const struct attachment attachment = attachment_of("s1");
	write_entry(place, &attachment);
	write_text(place, ".lock", "");
	write_text(place, ".s2:eth0.json.1", "{");
	write_text(place, "README", "{");
	read_journal(place);
	assert_int_equal(source_journal_summary(place->journal).files, 1);
}

/* As when a disk is unmounted under running pods. */
static void a_directory_that_goes_away_takes_nothing_with_it(void **state)
{
	struct place *place = *state;
	const struct attachment attachment = attachment_of("s1");
	char away[96];
	write_entry(place, &attachment);
	read_journal(place);
	(void)snprintf(away, sizeof(away), "%s.away", place->directory);
	assert_int_equal(rename(place->directory, away), 0);
	read_journal(place);
	assert_true(has(place, "s1"));
	assert_non_null(strstr(source_journal_summary(place->journal).problem, "No such file"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_directory_there_is_nothing_and_nothing_is_wrong),
		TEST(a_directory_that_comes_later_is_reported),
		TEST(files_come_change_and_go),
		TEST(what_is_reported_is_read_without_a_look_at_the_rest),
		TEST(what_another_boot_left_does_not_count),
		TEST(of_a_broken_file_the_last_good_version_stands),
		TEST(a_file_under_another_name_is_refused),
		TEST(other_files_are_no_entries),
		TEST(a_directory_that_goes_away_takes_nothing_with_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
