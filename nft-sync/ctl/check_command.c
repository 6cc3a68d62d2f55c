/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/check/check_live.h"
#include "nft-sync/check/facts_host.h"
#include "nft-sync/ctl/check_command.h"
#include "nft-sync/ctl/check_output.h"

#define TEXTS_MEMORY_MAX (16U << 20)

struct options {
	const char *config;
	const char *node, *namespace, *cluster;
	const char *cni_directory, *cni_binaries;
	const char *only, *skip;
	const char *output;
	const char *documents; /* NULL: the configured sources, and this node */
	bool all_nodes, partial, list, help;
};

static const char usage[] =
	"Usage: podsgctl check [OPTIONS] [DOCUMENTS]\n"
	"Says before pods hang or lose packets why they would, from the documents and live "
	"sources\n"
	"that podsg-nft-sync reads, and from this node itself; or from DOCUMENTS: a directory of\n"
	"dumps, or one file. Needs no daemon, and for DOCUMENTS no privileges and no cluster.\n"
	"\n"
	"  --node NAME         judge this node and its pods only; without DOCUMENTS: this machine\n"
	"  --all-nodes         all that the sources know of, not this machine\n"
	"  --namespace NAME    judge pods, policies and Services of this namespace only\n"
	"  --cluster NAME      what EKS calls the cluster, where nodes and tags do not say\n"
	"  --only ID,…         only these checks\n"
	"  --skip ID,…         all but these\n"
	"  --partial           what could not be judged for want of facts is no reason to fail\n"
	"  --list              say what is looked for, why, and who says so; judge nothing\n"
	"  --cni-directory DIR the node's network configurations (" CNI_DIRECTORY ")\n"
	"  --cni-binaries DIR  its CNI plugins (" CNI_BINARIES ")\n"
	"  -o, --output FORM   text (default), json, junit\n"
	"  --config FILE       configuration (" CONFIG_PATH ")\n"
	"  --help              this text\n"
	"\n"
	"Exit: 0 clean, 1 warnings, 2 errors, 3 not everything could be judged, and nothing but\n"
	"      warnings was found; a bad command line.\n";

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

/* getopt_long() returns where the option's text or flag goes. */
#define TEXTS 256
#define FLAGS 512
#define TEXT_OPTION(name, member)                                                                  \
	{                                                                                          \
		name, required_argument, NULL, TEXTS + offsetof(struct options, member)            \
	}
#define FLAG_OPTION(name, member)                                                                  \
	{                                                                                          \
		name, no_argument, NULL, FLAGS + offsetof(struct options, member)                  \
	}

static int take_option(struct options *options, int option)
{
	if (option == 'c')
		options->config = optarg;
	else if (option == 'n')
		options->node = optarg;
	else if (option == 'o')
		options->output = optarg;
	else if (option == 'h')
		options->help = true;
	else if (option >= FLAGS)
		*(bool *)((char *)options + (option - FLAGS)) = true;
	else if (option >= TEXTS)
		memcpy((char *)options + (option - TEXTS), &optarg, sizeof(optarg));
	else
		return -EINVAL;
	return 0;
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		TEXT_OPTION("config", config),
		TEXT_OPTION("node", node),
		TEXT_OPTION("namespace", namespace),
		TEXT_OPTION("cluster", cluster),
		TEXT_OPTION("cni-directory", cni_directory),
		TEXT_OPTION("cni-binaries", cni_binaries),
		TEXT_OPTION("only", only),
		TEXT_OPTION("skip", skip),
		TEXT_OPTION("output", output),
		FLAG_OPTION("all-nodes", all_nodes),
		FLAG_OPTION("partial", partial),
		FLAG_OPTION("list", list),
		FLAG_OPTION("help", help),
		{NULL, 0, NULL, 0},
	};
	int option;
	*options = (struct options){.node = "",
	                            .namespace = "",
	                            .cluster = "",
	                            .cni_directory = CNI_DIRECTORY,
	                            .cni_binaries = CNI_BINARIES,
	                            .output = "text"};
	while ((option = getopt_long(argc, argv, "c:n:o:h", longs, NULL)) != -1)
		if (take_option(options, option) < 0)
			return -EINVAL;
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

/* Of this machine only its own checks know, and where they are out of place they are not run:
 * but one that was asked for says so. */
static void leave_out(struct check_run *run, const struct check_group *group,
                      const struct options *options)
{
	for (const struct check *const *check = group->checks; *check; check++) {
		check_needs(run, *check, "podsgctl check without DOCUMENTS, on the node");
		if (!options->only)
			check_skip(run, *check);
	}
}

static void judge(struct check_run *run, const struct options *options)
{
	for (const struct check_group *const *group = check_groups; *group; group++)
		if (run->facts->here || !(*group)->of_the_node)
			(*group)->run(run);
		else
			leave_out(run, *group, options);
}

/* The file source is off where there is no directory, if another source is on. */
static int read_files(struct check_documents *documents, struct error *err)
{
	const struct config *config = documents->facts->config;
	struct error failure = {0};
	if (!config->files.directory[0] && check_live_configured(config))
		return 0;
	int r = check_documents_read(documents, config->files.directory, &failure);
	if (r == -ENOENT && check_live_configured(config))
		return 0;
	return r < 0 ? error_set(err, r, "%s", failure.text) : 0;
}

static int read_sources(struct check_documents *documents, const struct options *options,
                        struct error *err)
{
	int r = options->documents ? check_documents_read(documents, options->documents, err)
	                           : read_files(documents, err);
	if (r == 0 && !options->documents)
		r = check_live_read(documents, err);
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
		r = read_sources(&documents, options, err);
	if (r == 0) {
		judge(&run, options);
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

/* Without DOCUMENTS it is this node, unless another is asked for, or all of them. */
static const char *chosen_node(const struct options *options, const struct config *config)
{
	if (options->node[0] || options->documents || options->all_nodes)
		return options->node;
	return config->node.name;
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
		facts.node = chosen_node(options, facts.config);
		facts.here =
			!options->documents && strcmp(facts.node, facts.config->node.name) == 0;
		facts.namespace = options->namespace;
		facts.cluster = options->cluster;
		facts.cni_directory = options->cni_directory;
		facts.cni_binaries = options->cni_binaries;
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
