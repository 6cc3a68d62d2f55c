/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "dnscache/tell/errors_log.h"

#define PENDING_MAX 64 /* consolidations that count at a time, over all blocks */
#define TEXT_MAX 128

/* A `consolidate` line that has begun to count. */
struct pending {
	char pattern[TEXT_MAX]; /* "" = free */
	int level;
	uint64_t count;
	time_t until;
	uint32_t seconds;
};

static struct pending pendings[PENDING_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static time_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
	return time.tv_sec;
}

static struct pending *find(const char *pattern)
{
	struct pending *unused = NULL;
	for (size_t i = 0; i < PENDING_MAX; i++) {
		if (strncmp(pendings[i].pattern, pattern, TEXT_MAX - 1) == 0)
			return &pendings[i];
		if (!pendings[i].pattern[0] && !unused)
			unused = &pendings[i];
	}
	if (unused)
		snprintf(unused->pattern, TEXT_MAX, "%s", pattern);
	return unused;
}

/* Returns whether the line was counted instead of being said. */
static bool consolidate(const struct errors_settings *settings, const char *line)
{
	for (size_t i = 0; i < settings->consolidation_count; i++) {
		const struct errors_consolidation *rule = &settings->consolidations[i];
		struct pattern_groups groups;
		if (pattern_match(rule->pattern, line, strlen(line), &groups) != 1)
			continue;
		pthread_mutex_lock(&lock);
		struct pending *pending = find(rule->text);
		if (pending && pending->count++ == 0) {
			pending->level = rule->level;
			pending->seconds = (rule->duration + 999) / 1000;
			pending->until = now() + pending->seconds;
		}
		pthread_mutex_unlock(&lock);
		return pending;
	}
	return false;
}

void errors_log(const struct server_block *block, const struct dns_question *question,
                const char *why)
{
	char name[DNS_NAME_TEXT_MAX], number[DNS_NUMBER_TEXT_MAX], line[DNS_NAME_TEXT_MAX + 256];
	char quoted[256];
	if (!block->errors.present)
		return;
	dns_name_text(&question->name, name);
	const char *type = dns_type_text(question->type, number);
	snprintf(line, sizeof(line), "%s %s: %s", name, type, why);
	if (consolidate(&block->errors, line))
		return;
	log_event(LOG_LEVEL_WARNING, "question-failed", "name=%s type=%s why=%s", name, type,
	          log_quote(why, quoted, sizeof(quoted)));
}

void debug_log(const struct dns_question *question, uint16_t rcode, const char *source,
               uint64_t took)
{
	char name[DNS_NAME_TEXT_MAX], type[DNS_NUMBER_TEXT_MAX], code[DNS_NUMBER_TEXT_MAX];
	log_event(LOG_LEVEL_DEBUG, "question-answered",
	          "name=%s type=%s rcode=%s by=%s milliseconds=%.1f",
	          dns_name_text(&question->name, name), dns_type_text(question->type, type),
	          dns_rcode_text(rcode, code), source[0] ? source : "podsg", (double)took / 1000);
}

static void end(struct pending *pending)
{
	char quoted[TEXT_MAX * 2];
	log_event((enum log_level)pending->level, "questions-failed",
	          "count=%llu seconds=%u pattern=%s", (unsigned long long)pending->count,
	          pending->seconds, log_quote(pending->pattern, quoted, sizeof(quoted)));
	memset(pending, 0, sizeof(*pending));
}

void errors_log_settle(void)
{
	time_t time = now();
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (pendings[i].pattern[0] && time >= pendings[i].until)
			end(&pendings[i]);
	pthread_mutex_unlock(&lock);
}
