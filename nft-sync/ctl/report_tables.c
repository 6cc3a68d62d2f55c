/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/ctl/ctl.h"
#include "nft-sync/ctl/report_parts.h"

static void add_list(const cJSON *list, const char *between, struct buffer *page)
{
	const cJSON *item;
	cJSON_ArrayForEach (item, list)
		html(page, "%s<bdi>%s</bdi>", item == list->child ? "" : between,
		     cJSON_IsString(item) ? item->valuestring : "");
}

void report_open_table(const char *title, const char *const *columns, struct buffer *page)
{
	html(page, "<section><h2>%s</h2><div class=scroll><table class=list><thead><tr>", title);
	for (; *columns; columns++)
		html(page, "<th scope=col>%s</th>", *columns);
	html(page, "</tr></thead><tbody>\n");
}

static void close_table(struct buffer *page)
{
	html(page, "</tbody></table></div></section>\n");
}

static void add_sentences(const cJSON *list, const char *class, const char *sign,
                          struct buffer *page)
{
	const cJSON *item;
	cJSON_ArrayForEach (item, list)
		html(page, "<li class=%s><i>%s</i> %s\n", class, sign,
		     cJSON_IsString(item) ? item->valuestring : "");
}

static void add_findings(const cJSON *status, struct buffer *page)
{
	const cJSON *health = part(status, "health");
	const cJSON *problems = part(status, "problems");
	html(page, "<section><h2>Findings</h2>\n<ul id=findings>\n");
	add_sentences(part(health, "failures"), "n", "✕", page);
	add_sentences(part(health, "warnings"), "s", "!", page);
	add_sentences(problems, "s", "!", page);
	if (is_true(health, "healthy") && cJSON_GetArraySize(part(health, "warnings")) == 0 &&
	    cJSON_GetArraySize(problems) == 0)
		html(page, "<li class=a><i>✓</i> None: the kernel holds what the documents say.\n");
	html(page, "</ul></section>\n");
}

static void add_counts(const cJSON *drops, struct buffer *page)
{
	const cJSON *item;
	char count[32];
	cJSON_ArrayForEach (item, drops) {
		snprintf(count, sizeof(count), "%.0f", item->valuedouble);
		html(page, "%s%s %s", item == drops->child ? "" : ", ", item->string, count);
	}
}

static void add_pod(const cJSON *pod, const char *node_mode, struct buffer *page)
{
	const char *state = text_of(pod, "state");
	bool open = strcmp(state, "open") == 0;
	bool differs = strcmp(text_of(pod, "mode"), node_mode) != 0;
	html(page, "<tr><td><bdi>%s/%s</bdi></td><td class=%s><i>%s</i> %s%s%s</td>",
	     text_of(pod, "namespace"), text_of(pod, "name"), open ? "a" : "n", open ? "●" : "✕",
	     state, is_true(pod, "orphan") ? ", orphaned" : "",
	     is_true(pod, "present") ? "" : ", interface absent");
	html(page, "<td>%s%s%s%s</td>", text_of(pod, "mode"), differs ? " (the node’s is " : "",
	     differs ? node_mode : "", differs ? ")" : "");
	html(page, "<td>%s%s%s</td><td>", text_of(pod, "interface"),
	     text_of(pod, "device")[0] ? ", " : "", text_of(pod, "device"));
	add_list(part(pod, "addresses"), " ", page);
	html(page, "</td><td>");
	add_list(part(pod, "groups"), " ", page);
	if (cJSON_GetArraySize(part(pod, "missing")) > 0) {
		html(page, "<br><span class=n><i>✕</i> not known: ");
		add_list(part(pod, "missing"), " ", page);
		html(page, "</span>");
	}
	html(page, "</td><td>");
	add_counts(part(pod, "drops"), page);
	html(page, "</td></tr>\n");
}

static void add_pods(const cJSON *report, struct buffer *page)
{
	static const char *const columns[] = {"Pod",       "State",  "Mode",    "Interface",
	                                      "Addresses", "Groups", "Dropped", NULL};
	const cJSON *pod;
	report_open_table("Pods with security groups", columns, page);
	cJSON_ArrayForEach (pod, part(report, "pods"))
		add_pod(pod, text_of(report, "nodeMode"), page);
	close_table(page);
}

static void add_peer(const cJSON *peer, struct buffer *page)
{
	const cJSON *group;
	html(page, "<bdi>%s %s%s</bdi>", text_of(peer, "address"), text_of(peer, "pod"),
	     text_of(peer, "node"));
	cJSON_ArrayForEach (group, part(peer, "groups"))
		html(page, " <bdi>%s</bdi>",
		     text_of(group, text_of(group, "name")[0] ? "name" : "id"));
}

static void add_drop(const cJSON *event, struct buffer *page)
{
	const char *pod = text_of(event, "pod");
	html(page, "<tr><td>%s</td><td><bdi>%s</bdi></td><td>%s</td><td>", text_of(event, "time"),
	     pod[0] ? pod : text_of(event, "interface"), text_of(event, "direction"));
	add_peer(part(event, "peer"), page);
	html(page, "</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", text_of(event, "what"),
	     text_of(event, "reason"), text_of(event, "text"));
}

static void add_drops(const cJSON *drops, struct buffer *page)
{
	static const char *const columns[] = {"Time", "Pod",    "Direction",    "Peer",
	                                      "What", "Reason", "Nearest rule", NULL};
	const cJSON *event;
	int seconds = (int)number_of(drops, "seconds");
	char unseen[32];
	report_open_table("Dropped packets", columns, page);
	cJSON_ArrayForEach (event, part(drops, "events"))
		add_drop(event, page);
	html(page, "</tbody></table></div><p>");
	snprintf(unseen, sizeof(unseen), "%.0f", number_of(drops, "unseen"));
	if (text_of(drops, "problem")[0])
		html(page, "They could not be watched: %s. ", text_of(drops, "problem"));
	else if (seconds)
		html(page,
		     "Those of the %d seconds in which this page was made; %s more were not seen. ",
		     seconds, unseen);
	html(page, "How many each pod lost since its interface came is in the table of pods; "
	           "<code>podsgctl monitor</code> shows them as they come.</p></section>\n");
}

static void add_source(const cJSON *source, struct buffer *page)
{
	char age[32];
	char objects[32];
	bool good = strcmp(text_of(source, "state"), "good") == 0;
	snprintf(objects, sizeof(objects), "%.0f", number_of(source, "objects"));
	html(page,
	     "<tr><td>%s</td><td><bdi>%s</bdi></td><td class=%s><i>%s</i> %s</td><td>%s</td>"
	     "<td>%s</td><td>%s</td></tr>\n",
	     text_of(source, "kind"), text_of(source, "name"), good ? "a" : "n", good ? "●" : "✕",
	     text_of(source, "state"), age_text(part(source, "age"), age, sizeof(age)), objects,
	     text_of(source, "error"));
}

static void add_sources(const cJSON *status, struct buffer *page)
{
	static const char *const columns[] = {"Kind",    "Source", "State", "Age",
	                                      "Objects", "Error",  NULL};
	const cJSON *source;
	report_open_table("Sources", columns, page);
	cJSON_ArrayForEach (source, part(status, "sources"))
		add_source(source, page);
	close_table(page);
}

static void add_group(const cJSON *group, struct buffer *page)
{
	char members[32];
	snprintf(members, sizeof(members), "%.0f", number_of(group, "members"));
	html(page, "<tr><td><bdi>%s</bdi></td><td><bdi>%s</bdi>%s</td><td>%s</td><td>",
	     text_of(group, "id"), text_of(group, "name"),
	     is_true(group, "known") ? "" : " ✕ not known", members);
	add_list(part(group, "usedBy"), " ", page);
	html(page, "</td><td>");
	add_list(part(group, "ingress"), "; ", page);
	html(page, "</td><td>");
	add_list(part(group, "egress"), "; ", page);
	html(page, "</td></tr>\n");
}

static void add_groups(const cJSON *report, struct buffer *page)
{
	static const char *const columns[] = {"Group",   "Name",   "Members", "Used by",
	                                      "Ingress", "Egress", NULL};
	const cJSON *group;
	report_open_table("Security groups in use", columns, page);
	cJSON_ArrayForEach (group, part(report, "groups"))
		add_group(group, page);
	close_table(page);
}

void report_tables(const cJSON *report, struct buffer *page)
{
	const cJSON *status = part(report, "status");
	add_findings(status, page);
	report_findings(part(report, "preflight"), page);
	add_pods(report, page);
	add_drops(part(report, "drops"), page);
	add_sources(status, page);
	add_groups(report, page);
}
