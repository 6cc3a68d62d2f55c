/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Each case is a node, told line by line:
 *   link INDEX NAME             iif NAME TABLE        from ADDRESS TABLE    to ADDRESS
 *   route ADDRESS TABLE LINK    runtime SANDBOX ready|notready | complete
 *   pod NAME VLAN               what the API server says
 *   entry SANDBOX KEY=VALUE…    of the journal: interface, index, device, vlan, address, netns,
 *                               there (the netns is), boot, created, left, state=adding|gone
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hooks/eni-gc/gc_host_judge.h"
#include "hooks/eni-gc/gc_host_leftovers.h"

#define BOOT "00000000-0000-0000-0000-00000000000b"
#define SHOWN_SIZE 4096
#define WORDS_MAX 12
#define LINE_SIZE 256

struct node {
	struct gc_sight sight;
	struct gc_evidence evidence;
};

/* "" behind the last. */
struct words {
	char line[LINE_SIZE];
	const char *word[WORDS_MAX + 1];
};

static void split(const char *line, struct words *ret)
{
	size_t count = 0;
	char *rest;
	assert_true(strlen(line) < sizeof(ret->line));
	memcpy(ret->line, line, strlen(line) + 1);
	for (char *word = strtok_r(ret->line, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		assert_true(count < WORDS_MAX);
		ret->word[count++] = word;
	}
	while (count <= WORDS_MAX)
		ret->word[count++] = "";
}

static void *push(struct vector *vector, size_t size)
{
	vector->item_size = size;
	void *item = vector_push(vector);
	assert_non_null(item);
	return item;
}

static unsigned number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	assert_true(end != text && !*end);
	return (unsigned)value;
}

static struct prefix address(const char *text)
{
	struct prefix prefix;
	assert_int_equal(address_parse(text, &prefix), 0);
	return prefix;
}

static void copy(char *ret, size_t size, const char *text)
{
	assert_true(strlen(text) < size);
	memcpy(ret, text, strlen(text) + 1);
}

static void add_link(struct node *node, const struct words *words)
{
	struct network_link *link = push(&node->sight.kernel.links, sizeof(*link));
	link->is_veth = true;
	link->index = number(words->word[1]);
	copy(link->name, sizeof(link->name), words->word[2]);
}

static void add_interface_rule(struct node *node, const struct words *words)
{
	struct network_rule *rule = push(&node->sight.kernel.rules, sizeof(*rule));
	rule->family = AF_INET;
	rule->priority = RULE_OF_INTERFACE;
	copy(rule->in, sizeof(rule->in), words->word[1]);
	rule->table = number(words->word[2]);
}

static void add_from_rule(struct node *node, const struct words *words)
{
	struct network_rule *rule = push(&node->sight.kernel.rules, sizeof(*rule));
	rule->priority = RULE_FROM_ADDRESS;
	rule->source = address(words->word[1]);
	rule->family = rule->source.family;
	rule->table = number(words->word[2]);
}

static void add_to_rule(struct node *node, const struct words *words)
{
	struct network_rule *rule = push(&node->sight.kernel.rules, sizeof(*rule));
	rule->priority = RULE_TO_ADDRESS;
	rule->destination = address(words->word[1]);
	rule->family = rule->destination.family;
	rule->table = MAIN_TABLE;
}

static void add_route(struct node *node, const struct words *words)
{
	struct network_route *route = push(&node->sight.kernel.routes, sizeof(*route));
	route->is_unicast = true;
	route->destination = address(words->word[1]);
	route->table = number(words->word[2]);
	route->link = number(words->word[3]);
}

static void add_runtime(struct node *node, const struct words *words)
{
	struct gc_sandbox *sandbox;
	if (strcmp(words->word[1], "complete") == 0) {
		node->evidence.runtimes_complete = true;
		return;
	}
	sandbox = push(&node->evidence.sandboxes.list, sizeof(*sandbox));
	copy(sandbox->id, sizeof(sandbox->id), words->word[1]);
	sandbox->ready = strcmp(words->word[2], "ready") == 0;
}

static void add_pod(struct node *node, const struct words *words)
{
	struct gc_pod *pod = push(&node->evidence.pods.list, sizeof(*pod));
	copy(pod->name, sizeof(pod->name), words->word[1]);
	pod->vlan = number(words->word[2]);
}

#define TEXT(name)                                                                                 \
	{                                                                                          \
#name, offsetof(struct attachment, name),                                          \
			sizeof(((struct attachment *)NULL)->name)                                  \
	}
#define NUMBER(key, name)                                                                          \
	{                                                                                          \
		key, offsetof(struct attachment, name), 0                                          \
	}

static bool set_member(struct attachment *attachment, const char *key, const char *value)
{
	static const struct {
		const char *key;
		size_t offset;
		size_t size; /* 0: an unsigned */
	} members[] = {
		TEXT(interface),
		TEXT(netns),
		TEXT(boot),
		TEXT(left),
		NUMBER("vlan", vlan),
		NUMBER("index", interface_index),
		NUMBER("device", device_index),
	};
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		void *slot = (char *)attachment + members[i].offset;
		if (strcmp(key, members[i].key) != 0)
			continue;
		if (members[i].size > 0)
			copy(slot, members[i].size, value);
		else
			*(unsigned *)slot = number(value);
		return true;
	}
	return false;
}

static void set_value(struct gc_attachment *item, const char *word)
{
	struct attachment *attachment = &item->attachment;
	const char *equals = strchr(word, '=');
	char key[32];
	if (!equals) {
		assert_string_equal(word, "there");
		item->netns_there = true;
		return;
	}
	(void)snprintf(key, sizeof(key), "%.*s", (int)(equals - word), word);
	if (strcmp(word, "state=gone") == 0)
		attachment->state = ATTACHMENT_GONE;
	else if (strcmp(word, "state=adding") == 0)
		attachment->state = ATTACHMENT_ADDING;
	else if (strcmp(word, "mode=standard") == 0)
		attachment->mode = MODE_STANDARD;
	else if (strcmp(key, "address") == 0)
		attachment->addresses[attachment->address_count++] = address(equals + 1);
	else if (strcmp(key, "created") == 0)
		attachment->created = number(equals + 1);
	else
		assert_true(set_member(attachment, key, equals + 1));
}

static void add_entry(struct node *node, const struct words *words)
{
	struct gc_attachment *item = push(&node->sight.attachments, sizeof(*item));
	copy(item->attachment.sandbox, sizeof(item->attachment.sandbox), words->word[1]);
	memcpy(item->attachment.boot, BOOT, sizeof(BOOT));
	item->attachment.state = ATTACHMENT_READY;
	for (size_t i = 2; *words->word[i]; i++)
		set_value(item, words->word[i]);
}

static void add_line(struct node *node, const char *line)
{
	static const struct {
		const char *word;
		void (*add)(struct node *node, const struct words *words);
	} kinds[] = {
		{"link", add_link},  {"iif", add_interface_rule}, {"from", add_from_rule},
		{"to", add_to_rule}, {"route", add_route},        {"runtime", add_runtime},
		{"pod", add_pod},    {"entry", add_entry},
	};
	struct words words;
	split(line, &words);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(words.word[0], kinds[i].word) == 0) {
			kinds[i].add(node, &words);
			return;
		}
	fail_msg("not a line: %s", line);
}

static void build(struct node *node, const char *const *lines)
{
	*node = (struct node){.sight.boot = BOOT};
	for (; *lines; lines++)
		add_line(node, *lines);
	gc_cri_sort(&node->evidence.sandboxes);
	gc_judge_attachments(&node->sight, &node->evidence);
}

static void take_down(struct node *node)
{
	gc_sight_done(&node->sight);
	gc_evidence_done(&node->evidence);
}

static void show_attachments(const struct node *node, char ret[static SHOWN_SIZE])
{
	const struct gc_attachment *items = node->sight.attachments.items;
	int used = 0;
	ret[0] = '\0';
	for (size_t i = 0; i < node->sight.attachments.count; i++)
		used += snprintf(ret + used, SHOWN_SIZE - (size_t)used, "%s%s %s: %s",
		                 i ? "\n" : "", items[i].attachment.sandbox,
		                 gc_verdict_name(items[i].judgement.verdict),
		                 items[i].judgement.why);
}

static void show_leftovers(const struct vector *leftovers, char ret[static SHOWN_SIZE])
{
	const struct gc_leftover *items = leftovers->items;
	int used = 0;
	ret[0] = '\0';
	for (size_t i = 0; i < leftovers->count; i++)
		used += snprintf(ret + used, SHOWN_SIZE - (size_t)used, "%s%s %s: %s",
		                 i ? "\n" : "", items[i].text,
		                 gc_verdict_name(items[i].judgement.verdict),
		                 items[i].judgement.why);
}

static void expect_leftovers(const char *const *lines, const char *expected)
{
	char shown[SHOWN_SIZE];
	struct node node;
	struct vector leftovers = {0};
	build(&node, lines);
	assert_int_equal(gc_leftovers_find(&node.sight, &node.evidence, &leftovers, NULL), 0);
	show_leftovers(&leftovers, shown);
	assert_string_equal(shown, expected);
	vector_done(&leftovers);
	take_down(&node);
}

static void attachment_is_judged_by_kernel_first(void **state)
{
	static const struct {
		const char *lines[8];
		const char *expected;
	} cases[] = {
		{{"link 7 vlana", "entry s interface=vlana index=7"},
	         "s lives: its interface vlana is there"},
		{{"link 7 other", "entry s interface=vlana index=7"},
	         "s lives: its interface vlana is there"},
		/* Renamed, or another one that has got its index. */
		{{"link 7 other", "entry s interface=vlana index=7 netns=/run/netns/x there"},
	         "s lives: its interface vlana is there"},
		{{"link 7 other", "entry s interface=vlana index=7 netns=/run/netns/x"},
	         "s gone: its interface vlana is gone, and so is its network namespace"},
		{{"entry s interface=vlana index=7"},
	         "s gone: its interface vlana is gone, and so is its network namespace"},
		/* The name is a later pod's: a StatefulSet's next one has the same. */
		{{"link 8 vlana", "entry s interface=vlana index=7 netns=/run/netns/x"},
	         "s gone: its interface vlana is gone, and so is its network namespace"},
		{{"entry s interface=vlana index=7 netns=/run/netns/x there"},
	         "s doubtful: its interface vlana is gone, but its network namespace is there"},
		{{"entry s interface=vlana index=7 netns=/proc/12/ns/net there"},
	         "s gone: its interface vlana is gone, and /proc/12/ns/net may be anybody's"},
		{{"link 7 vlana", "entry s interface=vlana netns=/run/netns/x"},
	         "s lives: its interface vlana is there"},
		{{"link 7 vlana", "entry s interface=vlana created=1",
	          "entry t interface=vlana index=7 created=2"},
	         "s gone: its interface vlana is gone, and so is its network namespace\n"
	         "t lives: its interface vlana is there"},
		{{"link 7 vlana", "entry s interface=vlana created=2",
	          "entry t interface=vlana created=1"},
	         "s lives: its interface vlana is there\n"
	         "t gone: its interface vlana is gone, and so is its network namespace"},
		{{"entry s netns=/run/netns/x there"}, "s lives: its network namespace is there"},
		{{"entry s netns=/run/netns/x"}, "s gone: its network namespace is gone"},
		{{"entry s vlan=3"},
	         "s doubtful: neither interface nor network namespace were recorded"},
		{{"link 7 vlana", "entry s interface=vlana index=7 boot=00-old"},
	         "s gone: it is of an earlier boot"},
		{{"link 7 vlana", "entry s interface=vlana index=7 state=gone left=it-failed"},
	         "s gone: it was deleted, and something was left: it-failed"},
		{{"entry s state=gone"},
	         "s gone: it was deleted, and something was left: nobody said what"},
	};
	char shown[SHOWN_SIZE];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct node node;
		build(&node, cases[i].lines);
		show_attachments(&node, shown);
		assert_string_equal(shown, cases[i].expected);
		take_down(&node);
	}
}

static void runtime_protects_and_only_a_complete_list_accuses(void **state)
{
	static const struct {
		const char *lines[8];
		const char *expected;
	} cases[] = {
		{{"runtime s ready", "link 7 vlana", "entry s interface=vlana index=7"},
	         "s lives: the runtime says that the sandbox is ready"},
		{{"runtime s ready", "entry s interface=vlana index=7"},
	         "s doubtful: the runtime says that the sandbox is ready, but its interface vlana "
	         "is gone"},
		{{"runtime s ready", "entry s interface=vlana index=7 boot=00-old"},
	         "s doubtful: the runtime says that the sandbox is ready, but it is of an earlier "
	         "boot"},
		{{"runtime s ready", "link 7 vlana",
	          "entry s interface=vlana index=7 state=gone left=x"},
	         "s doubtful: the runtime says that the sandbox is ready, but it was deleted"},
		{{"runtime s notready", "runtime complete", "link 7 vlana",
	          "entry s interface=vlana index=7"},
	         "s doubtful: its interface vlana is there, but the runtime says that the sandbox "
	         "is not ready"},
		{{"runtime t ready", "runtime complete", "link 7 vlana",
	          "entry s interface=vlana index=7"},
	         "s doubtful: its interface vlana is there, but the runtime does not know the "
	         "sandbox"},
		/* containerd lists a sandbox when its network is there. */
		{{"runtime complete", "link 7 vlana",
	          "entry s interface=vlana index=7 state=adding"},
	         "s lives: its interface vlana is there"},
		{{"runtime t ready", "link 7 vlana", "entry s interface=vlana index=7"},
	         "s lives: its interface vlana is there"},
		{{"runtime complete", "entry s interface=vlana index=7 netns=/run/netns/x there"},
	         "s gone: its interface vlana is gone, and the runtime does not know the sandbox"},
		{{"runtime complete", "runtime s notready",
	          "entry s interface=vlana index=7 netns=/run/netns/x there"},
	         "s gone: its interface vlana is gone, and the runtime says that the sandbox is "
	         "not ready"},
		{{"runtime s notready", "entry s interface=vlana index=7 netns=/run/netns/x there"},
	         "s doubtful: its interface vlana is gone, but its network namespace is there"},
		{{"runtime complete", "entry s netns=/run/netns/x there"},
	         "s doubtful: its network namespace is there, but the runtime does not know the "
	         "sandbox"},
		{{"runtime complete", "entry s vlan=3"},
	         "s doubtful: neither interface nor network namespace were recorded"},
	};
	char shown[SHOWN_SIZE];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct node node;
		build(&node, cases[i].lines);
		show_attachments(&node, shown);
		assert_string_equal(shown, cases[i].expected);
		take_down(&node);
	}
}

static void leftover_is_what_nothing_living_leads_to(void **state)
{
	static const struct {
		const char *lines[12];
		const char *expected;
	} cases[] = {
		{{"link 2 eth0", "link 3 vlan.eth", "link 4 vlan.eth.x", "link 5 vlan.eth.03",
	          "link 6 vlan.eth.121", "link 7 vlan.eth.0"},
	         ""},
		/* Nothing but the device, as in the middle of an ADD: twice seen, it is gone. */
		{{"link 5 vlan.eth.3"},
	         "link vlan.eth.3 gone: no living pod's route or rule leads to it"},
		{{"link 5 vlan.eth.3", "iif vlan.eth.3 103", "route 10.0.0.1 103 5"},
	         "link vlan.eth.3 gone: no living pod's route or rule leads to it"},
		{{"link 5 vlan.eth.3", "iif vlan.eth.3 103", "iif vlana 103"},
	         "link vlan.eth.3 gone: no living pod's route or rule leads to it\n"
	         "ip rule 10 iif vlana lookup 103 gone: there is no interface vlana"},
		{{"link 5 vlan.eth.3", "link 6 vlana", "iif vlana 103"},
	         "link vlan.eth.3 lives: vlana uses its table"},
		{{"link 5 vlan.eth.3", "link 6 vlana", "route 10.0.1.5 103 6"},
	         "link vlan.eth.3 lives: vlana uses its table"},
		/* The pod of that name has another VLAN now. */
		{{"link 5 vlan.eth.3", "link 6 vlana", "link 7 vlan.eth.4", "iif vlana 103",
	          "iif vlana 104", "route 10.0.1.5 104 6"},
	         "link vlan.eth.3 gone: no living pod's route or rule leads to it\n"
	         "ip rule 10 iif vlana lookup 103 gone: vlana has VLAN 4 now\n"
	         "link vlan.eth.4 lives: vlana uses its table"},
		/* Standard mode. */
		{{"link 5 vlan.eth.3", "link 6 enia", "route 10.0.1.5 254 6", "to 10.0.1.5",
	          "from 10.0.1.5 103"},
	         "link vlan.eth.3 lives: what comes from enia uses its table"},
		{{"link 5 vlan.eth.3", "to 10.0.1.5", "from 10.0.1.5 103"},
	         "link vlan.eth.3 gone: no living pod's route or rule leads to it\n"
	         "ip rule 1536 from 10.0.1.5 lookup 103 gone: no interface has a route to the "
	         "address"},
		/* The address is an ordinary pod's by now, the VLAN nobody's. */
		{{"link 6 enia", "route 10.0.1.5 254 6", "to 10.0.1.5", "from 10.0.1.5 103"},
	         "ip rule 1536 from 10.0.1.5 lookup 103 gone: there is no vlan.eth.3"},
		/* Both are somebody's: only the journal can tell whether of the same one. */
		{{"link 5 vlan.eth.3", "link 6 enia", "route 10.0.1.5 254 6", "from 10.0.1.5 103",
	          "link 8 enib", "route 10.0.1.6 254 8", "from 10.0.1.6 103",
	          "entry s interface=enia index=6 vlan=4"},
	         "link vlan.eth.3 lives: what comes from enib uses its table\n"
	         "ip rule 1536 from 10.0.1.5 lookup 103 gone: the address is enia's, which has "
	         "VLAN 4"},
		/* The address has been another pod's before: its own device is the next after its
	           veth. */
		{{"link 5 vlan.eth.3", "link 6 enia", "link 7 vlan.eth.4", "link 9 vlan.eth.5",
	          "link 10 vlan.eth.6", "route 10.0.1.5 254 6", "from 10.0.1.5 103",
	          "from 10.0.1.5 105", "from 10.0.1.5 104", "from 10.0.1.5 107"},
	         "link vlan.eth.3 gone: no living pod's route or rule leads to it\n"
	         "ip rule 1536 from 10.0.1.5 lookup 103 gone: the address is enia's, which has "
	         "VLAN 4\n"
	         "link vlan.eth.4 lives: what comes from enia uses its table\n"
	         "link vlan.eth.5 gone: no living pod's route or rule leads to it\n"
	         "ip rule 1536 from 10.0.1.5 lookup 105 gone: the address is enia's, which has "
	         "VLAN 4\n"
	         "link vlan.eth.6 gone: no living pod's route or rule leads to it\n"
	         "ip rule 1536 from 10.0.1.5 lookup 107 gone: there is no vlan.eth.7"},
		/* Made in another order: one is the pod's, of two nobody can tell. */
		{{"link 5 vlan.eth.3", "link 6 enia", "route 10.0.1.5 254 6", "from 10.0.1.5 103"},
	         "link vlan.eth.3 lives: what comes from enia uses its table"},
		{{"link 4 vlan.eth.4", "link 5 vlan.eth.3", "link 6 enia", "route 10.0.1.5 254 6",
	          "from 10.0.1.5 103", "from 10.0.1.5 104"},
	         "link vlan.eth.3 lives: what comes from enia uses its table\n"
	         "link vlan.eth.4 lives: what comes from enia uses its table"},
		/* The VLAN has been a strict pod's. */
		{{"link 5 enia", "link 6 vlan.eth.3", "iif vlan.eth.3 103", "route 10.0.1.5 254 5",
	          "from 10.0.1.5 103"},
	         "link vlan.eth.3 lives: what comes from enia uses its table\n"
	         "ip rule 10 iif vlan.eth.3 lookup 103 gone: vlan.eth.3 is a standard pod's now"},
		{{"from 10.0.1.5 2", "from 10.0.1.6 10003", "iif vlana 2", "iif vlana 99"}, ""},
		{{"to 10.0.1.5"},
	         "ip rule 512 to 10.0.1.5 lookup main doubtful: no interface has a route to the "
	         "address, but nothing tells that it was a branch interface's: left to the CNI"},
		{{"to 10.0.1.5", "link 6 enia", "route 10.0.1.5 254 6"}, ""},
		{{"link 5 vlan.eth.3", "pod default/web-0 3"},
	         "link vlan.eth.3 doubtful: nothing leads to it, but the API server says that "
	         "default/web-0 has VLAN 3"},
		{{"link 5 vlan.eth.3", "pod default/web-0 4"},
	         "link vlan.eth.3 gone: no living pod's route or rule leads to it"},
		{{"from 2001:db8::5 103", "iif vlan.eth.3 103"},
	         "ip rule 10 iif vlan.eth.3 lookup 103 gone: there is no interface vlan.eth.3\n"
	         "ip -6 rule 1536 from 2001:db8::5 lookup 103 gone: no interface has a route to "
	         "the address"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_leftovers(cases[i].lines, cases[i].expected);
}

static void attachment_explains_what_is_its_own(void **state)
{
	static const struct {
		const char *lines[12];
		const char *expected;
	} cases[] = {
		{{"link 5 vlan.eth.3", "link 6 vlana", "route 10.0.1.5 103 6",
	          "entry s interface=vlana index=6 vlan=3 device=5"},
	         ""},
		{{"link 5 vlan.eth.3", "entry s netns=/run/netns/x there vlan=3"}, ""},
		/* Its clean-up is the entry's. */
		{{"link 5 vlan.eth.3", "iif vlana 103", "from 10.0.1.5 103",
	          "entry s interface=vlana index=6 vlan=3 device=5 address=10.0.1.5"},
	         ""},
		/* Another one of the VLAN, which has no entry, had that address. */
		{{"link 5 vlan.eth.3", "from 10.0.1.6 103",
	          "entry s interface=enia index=6 vlan=3 device=5 address=10.0.1.5"},
	         "ip rule 1536 from 10.0.1.6 lookup 103 gone: no interface has a route to the "
	         "address"},
		{{"link 9 vlan.eth.3", "entry s interface=vlana index=6 vlan=3 device=5"},
	         "link vlan.eth.3 gone: no living pod's route or rule leads to it"},
		{{"link 5 vlan.eth.3", "iif vlana 103",
	          "entry s interface=vlana index=6 vlan=3 device=5 boot=00-old"},
	         "link vlan.eth.3 gone: no living pod's route or rule leads to it\n"
	         "ip rule 10 iif vlana lookup 103 gone: there is no interface vlana"},
		/* What is left of an older one beside it. */
		{{"link 5 vlan.eth.3", "link 6 vlana", "route 10.0.1.5 103 6", "iif vlanold 103",
	          "entry s interface=vlana index=6 vlan=3 device=5"},
	         "ip rule 10 iif vlanold lookup 103 gone: there is no interface vlanold"},
		/* Its route is missing for a moment, the runtime protects it. */
		{{"link 5 vlan.eth.3", "from 10.0.1.5 103", "runtime s ready",
	          "entry s interface=enia index=6 vlan=3 device=5 address=10.0.1.5 mode=standard"},
	         ""},
		/* A strict pod has no such rule. */
		{{"link 5 vlan.eth.3", "link 6 vlana", "route 10.0.1.5 103 6", "from 10.0.1.5 103",
	          "entry s interface=vlana index=6 vlan=3 device=5 address=10.0.1.5"},
	         "ip rule 1536 from 10.0.1.5 lookup 103 gone: the address is a strict pod's now, "
	         "vlana"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_leftovers(cases[i].lines, cases[i].expected);
}

static void leftover_has_to_be_the_same_on_both_looks(void **state)
{
	static const struct {
		const char *first[4];
		const char *second[4];
		enum gc_verdict expected;
	} cases[] = {
		{{"link 5 vlan.eth.3"}, {"link 5 vlan.eth.3"}, GC_GONE},
		{{"link 5 vlan.eth.3"}, {"link 6 vlan.eth.3"}, GC_DOUBTFUL},
		{{NULL}, {"link 5 vlan.eth.3"}, GC_DOUBTFUL},
		{{"link 5 vlan.eth.3", "pod a/b 3"}, {"link 5 vlan.eth.3"}, GC_DOUBTFUL},
		{{"link 5 vlan.eth.3"},
	         {"link 5 vlan.eth.3", "link 6 vlana", "route 10.0.1.5 103 6"},
	         GC_LIVES},
		{{"iif vlana 103"}, {"iif vlana 103"}, GC_GONE},
		{{"iif vlana 103"}, {"iif vlanb 103"}, GC_DOUBTFUL},
		{{"from 10.0.1.5 103"}, {"from 10.0.1.5 103"}, GC_GONE},
		{{"from 10.0.1.5 103"}, {"from 10.0.1.5 104"}, GC_DOUBTFUL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct node first;
		struct node second;
		struct vector earlier = {0};
		struct vector later = {0};
		build(&first, cases[i].first);
		build(&second, cases[i].second);
		assert_int_equal(gc_leftovers_find(&first.sight, &first.evidence, &earlier, NULL),
		                 0);
		assert_int_equal(gc_leftovers_find(&second.sight, &second.evidence, &later, NULL),
		                 0);
		gc_leftovers_confirm(&earlier, &later);
		assert_int_equal(later.count, 1);
		const struct gc_leftover *only = later.items;
		assert_int_equal(only->judgement.verdict, cases[i].expected);
		vector_done(&earlier);
		vector_done(&later);
		take_down(&first);
		take_down(&second);
	}
}

static void one_clean_up_gets_as_much_of_a_vlan_as_it_holds(void **state)
{
	static const char *const lines[] = {
		"link 5 vlan.eth.3", "link 6 vlan.eth.4", "iif vlana 103",
		"iif vlanb 103",     "from 10.0.1.1 103", "from 10.0.1.2 103",
		"from 10.0.1.3 103", "from 10.0.1.4 103", "from 10.0.1.5 103",
		"from 10.0.1.6 103", "from 10.0.1.7 103", "from 10.0.1.8 103",
		"from 10.0.1.9 103", "from 10.0.2.1 105", NULL};
	static const struct {
		unsigned vlan;
		unsigned device_index;
		const char *interface;
		size_t addresses;
	} expected[] = {
		{3, 5, "vlana", 0}, {3, GC_NO_DEVICE, "vlanb", 8}, {3, GC_NO_DEVICE, "", 1},
		{4, 6, "", 0},      {5, GC_NO_DEVICE, "", 1},
	};
	struct node node;
	struct vector leftovers = {0};
	struct attachment gone;
	size_t count = 0;
	(void)state;
	build(&node, lines);
	assert_int_equal(gc_leftovers_find(&node.sight, &node.evidence, &leftovers, NULL), 0);
	for (unsigned vlan = 1; vlan <= BRANCH_VLAN_MAX; vlan++)
		for (size_t at = 0; gc_leftovers_gather(&leftovers, vlan, &at, BOOT, &gone);
		     count++) {
			assert_true(count < sizeof(expected) / sizeof(expected[0]));
			assert_int_equal(gone.vlan, expected[count].vlan);
			assert_int_equal(gone.device_index, expected[count].device_index);
			assert_string_equal(gone.interface, expected[count].interface);
			assert_int_equal(gone.address_count, expected[count].addresses);
			assert_string_equal(gone.boot, BOOT);
		}
	assert_int_equal(count, sizeof(expected) / sizeof(expected[0]));
	vector_done(&leftovers);
	take_down(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attachment_is_judged_by_kernel_first),
		cmocka_unit_test(runtime_protects_and_only_a_complete_list_accuses),
		cmocka_unit_test(leftover_is_what_nothing_living_leads_to),
		cmocka_unit_test(attachment_explains_what_is_its_own),
		cmocka_unit_test(leftover_has_to_be_the_same_on_both_looks),
		cmocka_unit_test(one_clean_up_gets_as_much_of_a_vlan_as_it_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
