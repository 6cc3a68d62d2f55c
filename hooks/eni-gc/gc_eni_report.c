/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "hooks/eni-gc/gc_eni_judge.h"
#include "hooks/eni-gc/gc_eni_report.h"

#define DETAILS_SIZE 512

static const struct {
	const char *name;
	const char *colour;
	const char *count; /* of the summary, in JSON and for people */
	const char *tally;
} actions[GC_ENI_ACTIONS] = {
	[GC_ENI_DELETED] = {"deleted", "\033[32m", "deleted", "deleted"},
	[GC_ENI_WOULD_DELETE] = {"would-delete", "\033[33m", "wouldDelete", "would be deleted"},
	[GC_ENI_GONE] = {"gone", "\033[32m", "gone", "gone already"},
	[GC_ENI_WAITS] = {"waits", "\033[33m", "waiting", "waiting"},
	[GC_ENI_KEPT] = {"kept", "\033[36m", "kept", "kept"},
	[GC_ENI_FAILED] = {"failed", "\033[31m", "failed", "failed"},
	[GC_ENI_FOUND] = {"found", "\033[36m", "found", "only listed"},
	[GC_ENI_LIVES] = {"lives", "\033[31m", "lives", "alive"},
	[GC_ENI_BLOCKS] = {"blocks", "\033[31m", "blocking", "blocking"},
};

static void add_text(cJSON *tree, const char *key, const char *text)
{
	if (text && text[0])
		cJSON_AddStringToObject(tree, key, text);
}

/* The node it is attached to, or was made for. */
static const char *instance_of(const struct gc_eni *eni)
{
	return eni->instance[0] ? eni->instance : gc_tag(&eni->tags, GC_INSTANCE_TAG);
}

static void add_eni(cJSON *tree, const struct gc_eni *eni)
{
	unsigned vlan = gc_eni_vlan(eni);
	add_text(tree, "kind", gc_eni_kind_name(gc_eni_kind(eni)));
	add_text(tree, "status", eni->status);
	add_text(tree, "description", eni->description);
	add_text(tree, "type", eni->type);
	add_text(tree, "requester", eni->requester);
	add_text(tree, "owner", gc_tag(&eni->tags, GC_OWNER_TAG));
	add_text(tree, "instance", instance_of(eni));
	if (vlan > 0)
		cJSON_AddNumberToObject(tree, "vlan", vlan);
}

static void print_json(cJSON *tree)
{
	char *text = cJSON_PrintUnformatted(tree);
	if (text)
		puts(text);
	cJSON_free(text);
	cJSON_Delete(tree);
}

static void finding_json(const struct gc_finding *finding)
{
	cJSON *tree = cJSON_CreateObject();
	const char *what = finding->what;
	if (!what)
		what = finding->eni ? "interface" : "group";
	add_text(tree, "action", actions[finding->action].name);
	add_text(tree, what, finding->id);
	if (finding->eni)
		add_eni(tree, finding->eni);
	if (finding->group)
		add_text(tree, "name", finding->group->name);
	add_text(tree, "rule", finding->rule);
	add_text(tree, "why", finding->why);
	add_text(tree, "do", finding->advice);
	print_json(tree);
}

/* What others wrote, where a terminal would obey it. */
static void append(char *text, const char *before, const char *what)
{
	size_t used = strlen(text);
	if (!what || !what[0])
		return;
	snprintf(text + used, DETAILS_SIZE - used, "%s%s", used > 0 ? before : "", what);
	for (char *c = text + used; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
			*c = '?';
}

static void describe_eni(const struct gc_eni *eni, char *text)
{
	enum gc_eni_kind kind = gc_eni_kind(eni);
	char vlan[24] = "";
	if (gc_eni_vlan(eni) > 0)
		snprintf(vlan, sizeof(vlan), "vlan %u", gc_eni_vlan(eni));
	append(text, "", kind == GC_ENI_OTHER ? eni->description : gc_eni_kind_name(kind));
	append(text, ", ", vlan);
	append(text, ", ", instance_of(eni));
	append(text, ", ", eni->status);
	if (kind == GC_ENI_OTHER)
		append(text, ", made by ", eni->requester);
}

static void finding_text(const struct gc_eni_report *report, const struct gc_finding *finding)
{
	const char *colour = actions[finding->action].colour;
	char text[DETAILS_SIZE] = "";
	if (finding->eni)
		describe_eni(finding->eni, text);
	if (finding->group)
		append(text, ", ", finding->group->name);
	append(text, ", ", finding->rule);
	append(text, ", ", finding->what);
	append(text, ": ", finding->why);
	printf("%s%-12s%s %-21.31s %s\n", report->coloured ? colour : "",
	       actions[finding->action].name, report->coloured ? "\033[0m" : "", finding->id, text);
	text[0] = '\0';
	append(text, "", finding->advice);
	if (finding->advice)
		printf("             -> %s\n", text);
}

void gc_eni_report_open(struct gc_eni_report *report, bool json)
{
	*report = (struct gc_eni_report){.json = json,
	                                 .coloured = !json && gc_coloured(STDOUT_FILENO)};
	gc_progress_open(&report->progress);
}

void gc_eni_report_finding(struct gc_eni_report *report, const struct gc_finding *finding)
{
	report->counts[finding->action]++;
	gc_progress_clear(&report->progress);
	if (report->json)
		finding_json(finding);
	else
		finding_text(report, finding);
	fflush(stdout);
}

void gc_eni_report_warning(struct gc_eni_report *report, const char *text)
{
	gc_progress_clear(&report->progress);
	fprintf(stderr, "podsg-eni-gc: %s\n", text);
}

static void summary_json(const struct gc_eni_report *report, const struct gc_summary *summary)
{
	cJSON *tree = cJSON_CreateObject();
	cJSON *inner = cJSON_AddObjectToObject(tree, "summary");
	add_text(inner, "of", summary->subject);
	add_text(inner, "region", summary->region);
	for (size_t i = 0; i < GC_ENI_ACTIONS; i++)
		cJSON_AddNumberToObject(inner, actions[i].count, (double)report->counts[i]);
	cJSON_AddNumberToObject(inner, "others", (double)summary->others);
	cJSON_AddNumberToObject(inner, "left", (double)summary->left);
	cJSON_AddBoolToObject(inner, "dryRun", summary->dry_run);
	cJSON_AddNumberToObject(inner, "exit", summary->status);
	add_text(inner, "error", summary->failure->text);
	print_json(tree);
}

static void summary_text(const struct gc_eni_report *report, const struct gc_summary *summary)
{
	const char *before = "";
	printf("%s: ", summary->subject);
	for (size_t i = 0; i < GC_ENI_ACTIONS; i++) {
		if (report->counts[i] == 0)
			continue;
		printf("%s%zu %s", before, report->counts[i], actions[i].tally);
		before = ", ";
	}
	if (summary->left > 0) {
		printf("%s%zu left for the next run", before, summary->left);
		before = ", ";
	}
	if (!before[0])
		printf("nothing found");
	if (report->counts[GC_ENI_WAITS] > 0)
		printf("; again in %lld s", (long long)(summary->wait + 999) / 1000);
	putchar('\n');
}

void gc_eni_report_summary(struct gc_eni_report *report, const struct gc_summary *summary)
{
	if (summary->failure->code)
		gc_eni_report_warning(report, summary->failure->text);
	gc_progress_clear(&report->progress);
	if (report->json)
		summary_json(report, summary);
	else if (!summary->failure->code)
		summary_text(report, summary);
	fflush(stdout);
}
