/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/check/check_documents.h"
#include "nft-sync/ctl/check_command.h"
#include "nft-sync/ctl/check_output.h"

#define TEXTS_MEMORY_MAX (16U << 20)

struct options {
	const char *config;
	const char *node, *namespace;
	const char *only, *skip;
	const char *output;
	const char *documents; /* NULL: the configured sources, and this node */
	bool partial, list, help;
};

static const char usage[] =
	"Usage: podsgctl check [OPTIONS] [DOCUMENTS]\n"
	"Says before pods hang or lose packets why they would, from the documents and live "
        "sources\n"
	"that podsg-nft-sync reads, or from DOCUMENTS: a directory of dumps, or one file. Needs "
        "no\n"
	"daemon, and for DOCUMENTS no privileges and no cluster.\n"
	"\n"
	"  --node NAME         judge this node and its pods only; without DOCUMENTS: this machine\n"
	"  --namespace NAME    judge pods, policies and Services of this namespace only\n"
	"  --only ID,…         only these checks\n"
	"  --skip ID,…         all but these\n"
	"  --partial           what could not be judged for want of facts is no reason to fail\n"
	"  --list              say what is looked for, why, and who says so; judge nothing\n"
	"  -o, --output FORM   text (default), json, junit\n"
	"  --config FILE       configuration (" CONFIG_PATH ")\n"
	"  --help              this text\n"
	"\n"
	"Exit: 0 clean, 1 warnings, 2 errors, 3 nothing is known to be wrong, but not everything\n"
	"      could be judged; a bad command line; documents that cannot be read.\n";

static const struct {
	const char *name;
	void (*print)(const struct check_report *report);
	void (*list)(void);
} forms[] = {
	{"text", check_print_text, check_list_text},
	{"json", check_print_json, check_list_json},
	{"junit", check_print_junit, NULL},
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"node", required_argument, NULL, 'n'},
		{"namespace", required_argument, NULL, 'N'},
		{"only", required_argument, NULL, 'O'},
		{"skip", required_argument, NULL, 'S'},
		{"output", required_argument, NULL, 'o'},
		{"partial", no_argument, NULL, 'p'},
		{"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;
	*options = (struct options){.node = "", .namespace = "", .output = "text"};
	while ((option = getopt_long(argc, argv, "c:n:o:h", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case 'n':
			options->node = optarg;
			break;
		case 'N':
			options->namespace = optarg;
			break;
		case 'O':
			options->only = optarg;
			break;
		case 'S':
			options->skip = optarg;
			break;
		case 'o':
			options->output = optarg;
			break;
		case 'p':
			options->partial = true;
			break;
		case 'l':
			options->list = true;
			break;
		case 'h':
			options->help = true;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc)
		options->documents = argv[optind++];
	return optind == argc ? 0 : -EINVAL;
}

/* Whether the id is in "a,b,c". */
static bool lists(const char *ids, const char *id)
{
	size_t length = strlen(id);
	while (*ids) {
		size_t next = strcspn(ids, ",");
		if (next == length && memcmp(ids, id, length) == 0)
			return true;
		ids += next + (ids[next] == ',');
	}
	return false;
}

/* The first of them that is no check; NULL: all are. Ids are followed by a comma or the end. */
static const char *find_unknown(const struct check_run *run, const char *ids)
{
	while (*ids) {
		size_t length = strcspn(ids, ","), i = 0;
		while (i < run->check_count && (strlen(run->all[i]->id) != length ||
		                                memcmp(run->all[i]->id, ids, length) != 0))
			i++;
		if (i == run->check_count)
			return ids;
		ids += length + (ids[length] == ',');
	}
	return NULL;
}

static int choose(struct check_run *run, const struct options *options, struct error *err)
{
	const char *asked[] = {options->only, options->skip};
	for (size_t i = 0; i < 2; i++) {
		const char *unknown = asked[i] ? find_unknown(run, asked[i]) : NULL;
		if (unknown)
			return error_set(err, -EINVAL, "there is no check \"%.*s\", see --list",
			                 (int)strcspn(unknown, ","), unknown);
	}
	for (size_t i = 0; i < run->check_count; i++) {
		const char *id = run->all[i]->id;
		run->outcomes[i].skipped = (options->only && !lists(options->only, id)) ||
		                           (options->skip && lists(options->skip, id));
	}
	return 0;
}

static void judge(struct check_run *run, bool on_this_node)
{
	for (const struct check_group *const *group = check_groups; *group; group++)
		if (on_this_node || !(*group)->of_the_node)
			(*group)->run(run);
}

static int read_documents(struct check_documents *documents, const struct options *options,
                          struct error *err)
{
	const struct config *config = documents->facts->config;
	const char *path = options->documents ? options->documents : config->files.directory;
	int r = check_documents_read(documents, path, err);
	return r < 0 ? r : facts_settle(documents->facts, err);
}

static int check(const struct options *options, struct facts *facts, struct check_report *report,
                 struct error *err)
{
	struct check_documents documents = {.facts = facts,
	                                    .unread.item_size = sizeof(struct unread)};
	struct check_run run = {0};
	int r = check_run_open(&run, facts);
	if (r < 0)
		return error_set(err, r, "no memory");
	documents.arena = run.arena;
	r = choose(&run, options, err);
	if (r == 0)
		r = read_documents(&documents, options, err);
	if (r == 0) {
		judge(&run, !options->documents);
		*report = (struct check_report){.run = &run,
		                                .unread = documents.unread.items,
		                                .unread_count = documents.unread.count,
		                                .partial = options->partial};
		check_report_sum(report);
		r = (int)check_report_exit(report);
		for (size_t i = 0; i < FORMS; i++)
			if (strcmp(options->output, forms[i].name) == 0)
				forms[i].print(report);
	}
	vector_done(&documents.unread);
	check_run_close(&run);
	return r;
}

static int run_check(const struct options *options, struct error *err)
{
	struct check_report report;
	struct config *config = NULL;
	struct facts facts = {0};
	struct model *model = model_new();
	int r = model ? config_find(options->config, &config, err)
	              : error_set(err, -ENOMEM, "no memory");
	if (r == 0)
		r = facts_open(&facts, model, config, err);
	if (r == 0) {
		facts.node = options->node;
		facts.namespace = options->namespace;
		r = check(options, &facts, &report, err);
	}
	facts_close(&facts);
	config_free(config);
	model_free(model);
	return r;
}

static int list(const struct options *options)
{
	for (size_t i = 0; i < FORMS; i++)
		if (strcmp(options->output, forms[i].name) == 0 && forms[i].list) {
			forms[i].list();
			return CHECK_CLEAN;
		}
	fputs("podsgctl: --list is text or json\n", stderr);
	return CHECK_NOT_JUDGED;
}

static bool is_form(const char *name)
{
	for (size_t i = 0; i < FORMS; i++)
		if (strcmp(name, forms[i].name) == 0)
			return true;
	return false;
}

int check_command(int argc, char **argv)
{
	struct options options;
	struct error err = {0};
	int r = parse_options(argc, argv, &options);
	if (r == 0 && options.help) {
		fputs(usage, stdout);
		return CHECK_CLEAN;
	}
	if (r < 0 || !is_form(options.output)) {
		fputs(usage, stderr);
		return CHECK_NOT_JUDGED;
	}
	if (options.list)
		return list(&options);
	r = run_check(&options, &err);
	if (r >= 0)
		return r;
	fprintf(stderr, "podsgctl: %s\n", err.text);
	return CHECK_NOT_JUDGED;
}
