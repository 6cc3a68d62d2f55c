/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/file.h"
#include "hooks/conflist/chain.h"
#include "hooks/conflist/moves.h"
#include "hooks/conflist/names.h"
#include "hooks/conflist/round.h"
#include "hooks/conflist/swap.h"

#define ATTEMPTS 16                 /* at a file that others write meanwhile */
#define ATTEMPT_PAUSE (2000 * 1000) /* nanoseconds */

/* What is to be written, and what that will be called. */
struct decision {
	enum conflist_wish wish;
	enum conflist_outcome outcome;
	bool write;
	char why[256];
};

/* One file of the directory, as long as it is looked at. */
struct visit {
	const struct conflist_options *options;
	struct conflist_report *report;
	const char *name;
	char path[PATH_MAX];
	char *text;
	size_t length;
	struct conflist_chain chain;
	bool may_move; /* was asked for and granted */
	bool removing;
	bool chosen; /* by the runtimes */
};

static void say(const struct visit *visit, enum conflist_outcome outcome, const char *why)
{
	conflist_report_add(visit->report, outcome, visit->name, why);
}

static bool has_binary(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111);
}

/* Behind all others, if it has not been put there too often. */
static void decide_move(struct visit *visit, struct decision *decision)
{
	struct error failure = {0};
	if (!visit->may_move)
		visit->may_move = visit->options->check ||
		                  conflist_moves_take(visit->options->moves, visit->name, &failure);
	if (visit->may_move)
		return;
	decision->wish = CONFLIST_WANT_PRESENT;
	decision->outcome = CONFLIST_YIELDED;
	decision->write = conflist_chain_position(&visit->chain) == CONFLIST_REPEATED;
	(void)snprintf(decision->why, sizeof(decision->why), "%.*s", (int)sizeof(decision->why) - 1,
	               failure.code ? failure.text
	                            : "another agent insists on the last place: it has it for "
	                              "an hour");
}

static struct decision decide(struct visit *visit)
{
	enum conflist_position position = conflist_chain_position(&visit->chain);
	struct decision decision = {.wish = CONFLIST_WANT_LAST, .outcome = CONFLIST_IN_PLACE};
	if (visit->removing)
		return (struct decision){.wish = CONFLIST_WANT_NONE,
		                         .outcome = CONFLIST_REMOVED,
		                         .write = position != CONFLIST_ABSENT};
	if (position == CONFLIST_LAST)
		return decision;
	decision.write = true;
	decision.outcome = position == CONFLIST_ABSENT ? CONFLIST_INSERTED : CONFLIST_MOVED;
	if (position != CONFLIST_ABSENT && !visit->chain.plugins[visit->chain.count - 1].ours)
		decide_move(visit, &decision);
	return decision;
}

/* What would not be read again is not written. */
static bool is_full(const struct conflist_chain *chain)
{
	return chain->count == CONFLIST_PLUGINS_MAX &&
	       conflist_chain_position(chain) == CONFLIST_ABSENT;
}

static int write_chain(const struct visit *visit, enum conflist_wish wish, struct error *err)
{
	struct buffer out = {.max = CONFLIST_FILE_MAX};
	const struct conflist_text old = {visit->text, visit->length};
	int r;
	if (visit->options->check)
		return 0;
	conflist_chain_edit(&visit->chain, wish, &out);
	const struct conflist_text new = {out.text, out.length};
	if (out.failed || is_full(&visit->chain))
		r = error_set(err, -EFBIG, "no room for one more plugin");
	else
		r = conflist_swap(visit->path, &old, &new, err);
	buffer_done(&out);
	return r;
}

/* -EAGAIN: somebody else writes the file. */
static int serve(struct visit *visit)
{
	struct error failure = {0};
	struct decision decision = decide(visit);
	int r = decision.write ? write_chain(visit, decision.wish, &failure) : 0;
	if (r == -EAGAIN)
		return r;
	if (r < 0)
		say(visit, CONFLIST_FAILED, failure.text);
	else if (decision.write || !visit->removing)
		say(visit, decision.outcome, decision.why);
	return 0;
}

/* What nobody can read may still be somebody's network that lacks ours; only where ours is taken
 * out, a file without our name is no matter. */
static void leave(const struct visit *visit, const struct error *failure)
{
	if (visit->removing && visit->text &&
	    !memmem(visit->text, visit->length, CONFLIST_PLUGIN, strlen(CONFLIST_PLUGIN)))
		return;
	say(visit, CONFLIST_LEFT, failure->text);
}

static bool is_wanted_network(const struct visit *visit)
{
	const char *name = visit->options->network;
	return !name[0] || conflist_chain_is_named(&visit->chain, name);
}

static int visit_list(struct visit *visit)
{
	struct error failure = {0};
	if (conflist_chain_parse(visit->path, visit->text, visit->length, &visit->chain, &failure) <
	    0) {
		leave(visit, &failure);
		return 0;
	}
	if (visit->removing)
		return serve(visit);
	if (!is_wanted_network(visit))
		return 0;
	visit->chosen = true;
	if (conflist_chain_check_version(visit->path, &visit->chain, &failure) == 0)
		return serve(visit);
	leave(visit, &failure);
	return 0;
}

/* One that is chosen hides all behind it. A list of a lower name would take its place, but the
 * agent that owns the file does not know of it and would change the file to no effect. */
static int visit_single(struct visit *visit)
{
	const char *network = visit->options->network;
	struct error failure = {0};
	bool named = false;
	if (conflist_single_parse(visit->path, visit->text, visit->length, network, &named,
	                          &failure) < 0) {
		leave(visit, &failure);
		return 0;
	}
	if (network[0] && !named)
		return 0;
	visit->chosen = true;
	(void)error_set(&failure, -ENOTSUP,
	                "%s: a single plugin: none can be chained to it. Make it a .conflist: "
	                "{\"cniVersion\": ..., \"name\": ..., \"plugins\": [what the file says]}",
	                visit->path);
	leave(visit, &failure);
	return 0;
}

/* -EAGAIN: once more. */
static int attempt(struct visit *visit)
{
	struct error failure = {0};
	int r = file_read(visit->path, CONFLIST_FILE_MAX, &visit->text, &visit->length, &failure);
	if (r == -EAGAIN || r == -ENOENT)
		return r == -ENOENT ? 0 : r;
	if (r < 0) {
		leave(visit, &failure);
		return 0;
	}
	r = conflist_name_is_list(visit->name) ? visit_list(visit) : visit_single(visit);
	free(visit->text);
	visit->text = NULL;
	return r;
}

/* Whether it is the one that the runtimes choose. */
static bool visit_file(struct visit *visit)
{
	static const struct timespec pause = {.tv_nsec = ATTEMPT_PAUSE};
	int r = -EAGAIN;
	for (int i = 0; i < ATTEMPTS && r == -EAGAIN; i++) {
		visit->chosen = false;
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		r = attempt(visit);
	}
	if (r == -EAGAIN)
		say(visit, CONFLIST_FAILED, "others go on writing it");
	return visit->chosen;
}

/* All files where ours is taken out; else up to the one that is chosen. Whether there is one. */
static bool visit_all(const struct conflist_options *options, bool removing,
                      const struct vector *names, struct conflist_report *report)
{
	const struct conflist_name *name = names->items;
	for (size_t i = 0; i < names->count; i++) {
		struct visit visit = {.options = options,
		                      .report = report,
		                      .name = name[i].text,
		                      .removing = removing};
		(void)snprintf(visit.path, sizeof(visit.path), "%s/%s", options->directory,
		               name[i].text);
		if (removing && !conflist_name_is_list(visit.name))
			continue;
		if (visit_file(&visit) && !removing)
			return true;
	}
	return removing;
}

static void visit_names(const struct conflist_options *options, const struct vector *names,
                        struct conflist_report *report)
{
	bool binary = has_binary(options->binary);
	if (!binary && !options->remove) {
		char why[PATH_MAX + 64];
		(void)snprintf(why, sizeof(why), "%s is missing: no chain may name it",
		               options->binary);
		conflist_report_add(report, CONFLIST_NO_BINARY, "", why);
	}
	if (!visit_all(options, options->remove || !binary, names, report))
		conflist_report_add(report, CONFLIST_NO_NETWORK, "",
		                    options->network[0] ? "no valid network of that name"
		                                        : "no valid network");
}

void conflist_round(const struct conflist_options *options, struct conflist_report *report)
{
	struct vector names = {.item_size = sizeof(struct conflist_name)};
	struct error failure = {0};
	if (conflist_names_read(options->directory, CONFLIST_FILES_MAX, &names, &failure) < 0)
		conflist_report_add(report, CONFLIST_FAILED, "", failure.text);
	else
		visit_names(options, &names, report);
	vector_done(&names);
}
