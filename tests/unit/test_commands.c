/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "nft-sync/answer/commands.h"
#include "nft-sync/kernel/nft_elements.h"
#include "tests/unit/setting.h"

#define TIME CREATED("2026-01-01T00:00:00Z")
#define VETH "vlane34aba5891b" /* of ns/pod */

/* The kernel's counters: seven packets of ns/pod, dropped by the egress rules. */
int nft_read_counters(struct nft *nft, const char *set,
                      int (*visit)(const struct nft_element *element, void *context), void *context)
{
	static const uint8_t pod[16] = VETH;
	static const uint8_t stranger[16] = "eni-of-nobody";
	const struct nft_element of_pod = {.key = pod, .length = sizeof(pod), .packets = 7};
	const struct nft_element of_stranger = {
		.key = stranger, .length = sizeof(stranger), .packets = 9};

	(void)nft;
	if (strcmp(set, "drops-egress-rules") != 0)
		return 0;
	assert_int_equal(visit(&of_stranger, context), 0);
	return visit(&of_pod, context);
}

struct place {
	struct setting setting;
	struct sync sync;
	char directory[32];
	char path[64];
	cJSON *answer;
};

static const char cluster[] = KUBERNETES(
	POD("pod", "u1", TIME ENI("eni-1", "10.0.0.5", "3") ON("n1", "10.0.0.5"))
		POD("shut", "u2", TIME ON("n1", "10.0.0.6"))
			POLICY("p", "podSelector: {matchLabels: {app: pod}}", "sg-1, sg-gone")
				POLICY("q", "podSelector: {matchLabels: {app: shut}}", "sg-gone"));
static const char groups[] =
	"SecurityGroups:\n"
	"- {GroupId: sg-1, GroupName: web, IpPermissions: [{IpProtocol: tcp, FromPort: 443, "
	"ToPort: 443, UserIdGroupPairs: [{GroupId: sg-1}]}], IpPermissionsEgress: "
	"[{IpProtocol: '-1', IpRanges: [{CidrIp: 0.0.0.0/0}]}]}\n";

static int open_place(void **state)
{
	static struct place place;

	place = (struct place){.directory = "/tmp/podsg-commands-XXXXXX"};
	if (mkdtemp(place.directory) == NULL)
		return -1;
	(void)snprintf(place.path, sizeof(place.path), "%s/bad.json", place.directory);
	setting_open(&place.setting, "version: 1\nnode: {name: n1}\n");
	setting_put(&place.setting, "cluster.yaml", cluster);
	setting_put(&place.setting, "groups.yaml", groups);
	setting_links(&place.setting, "eth0 " VETH);
	setting_resolve(&place.setting);
	place.sync = (struct sync){.config = place.setting.config,
	                           .model = place.setting.model,
	                           .host = place.setting.host,
	                           .resolution = place.setting.resolution,
	                           .history = {.started = time(NULL) - 100}};
	*state = &place;
	return source_files_open(place.directory, "", &place.sync.files, NULL);
}

static int close_place(void **state)
{
	struct place *place = *state;

	cJSON_Delete(place->answer);
	source_files_close(place->sync.files);
	setting_close(&place->setting);
	(void)unlink(place->path);
	return rmdir(place->directory);
}

/* The answer lives until the next question. */
static const cJSON *ask(struct place *place, const char *request)
{
	cJSON *asked = cJSON_Parse(request);

	cJSON_Delete(place->answer);
	place->answer = command_answer(&place->sync, asked);
	cJSON_Delete(asked);
	assert_true(cJSON_IsObject(place->answer));
	assert_true(cJSON_IsBool(cJSON_GetObjectItemCaseSensitive(place->answer, "ok")));
	return place->answer;
}

/* What lies there, as compact JSON; "" = nothing. A path has members' names and digits. */
static const char *at(const cJSON *value, const char *path)
{
	static char text[2048];
	char copy[128];
	char *rest = copy;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (const char *part; value != NULL && (part = strsep(&rest, "/")) != NULL;)
		value = cJSON_IsArray(value) ? cJSON_GetArrayItem(value, part[0] - '0')
		                             : cJSON_GetObjectItemCaseSensitive(value, part);
	text[0] = '\0';
	if (value != NULL)
		assert_true(cJSON_PrintPreallocated((cJSON *)(uintptr_t)value, text, sizeof(text),
		                                    false));
	return text;
}

struct expected {
	const char *path;
	const char *value;
};

static void assert_answer(const cJSON *answer, const struct expected *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(at(answer, rows[i].path), rows[i].value) != 0)
			fail_msg("%s is %s, not %s", rows[i].path, at(answer, rows[i].path),
			         rows[i].value);
}
#define ASSERT_ANSWER(answer, ...)                                                                 \
	assert_answer(answer, (const struct expected[]){__VA_ARGS__},                              \
	              sizeof((const struct expected[]){__VA_ARGS__}) / sizeof(struct expected))

static void status_counts_interfaces_by_state(void **state)
{
	const cJSON *answer = ask(*state, "{\"command\":\"status\"}");

	ASSERT_ANSWER(answer, {"ok", "true"}, {"node", "\"n1\""}, {"table", "\"podsg\""},
	              {"interfaces/open", "1"}, {"interfaces/closed", "1"},
	              {"interfaces/claimed", "0"}, {"interfaces/orphans", "0"},
	              {"interfaces/absent", "1"});
	assert_in_range(strtol(at(answer, "uptime"), NULL, 10), 100, 200);
}

static void status_says_never_where_nothing_happened(void **state)
{
	ASSERT_ANSWER(ask(*state, "{\"command\":\"status\"}"), {"kernel/inForce", "false"},
	              {"kernel/errors", "0"}, {"kernel/error", ""},
	              {"kernel/lastCommit/age", "null"}, {"kernel/repairs/count", "0"},
	              {"kernel/repairs/age", "null"}, {"kernel/repairs/process", ""},
	              {"sources", "[]"});
}

static void status_shows_the_last_commit_and_repair(void **state)
{
	struct place *place = *state;
	struct sync_history *history = &place->sync.history;
	struct image *image = image_new();

	place->sync.image = image;
	history->committed = history->repaired = time(NULL);
	history->commits = 3;
	history->report.messages = 5;
	history->report.elements_added = 7;
	history->repairs = 2;
	history->tampering = (struct nft_tampering){.pid = 77};
	(void)snprintf(history->tampering.process, sizeof(history->tampering.process), "nft");
	(void)snprintf(history->tampering.what, sizeof(history->tampering.what),
	               "table deleted podsg");
	ASSERT_ANSWER(ask(place, "{\"command\":\"status\"}"), {"kernel/inForce", "true"},
	              {"kernel/lastCommit/commits", "3"}, {"kernel/lastCommit/messages", "5"},
	              {"kernel/lastCommit/elementsAdded", "7"}, {"kernel/repairs/count", "2"},
	              {"kernel/repairs/process", "\"nft\""}, {"kernel/repairs/pid", "77"},
	              {"kernel/repairs/what", "\"table deleted podsg\""});
	place->sync.image = NULL;
	image_free(image);
}

static void a_kernel_that_refuses_is_not_in_force_and_the_error_is_shown(void **state)
{
	struct place *place = *state;
	struct image *image = image_new();

	place->sync.image = image;
	place->sync.history.errors = 4;
	error_set(&place->sync.history.error, -1, "table podsg: no");
	ASSERT_ANSWER(ask(place, "{\"command\":\"status\"}"), {"kernel/inForce", "false"},
	              {"kernel/errors", "4"}, {"kernel/error", "\"table podsg: no\""});
	place->sync.image = NULL;
	image_free(image);
}

static void a_broken_source_is_shown_with_its_error(void **state)
{
	struct place *place = *state;
	struct error err = {0};
	bool changed;
	FILE *file = fopen(place->path, "we");

	assert_non_null(file);
	assert_true(fputs("{\"SecurityGroups\":", file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(source_files_read(place->sync.files, place->setting.model, &changed, &err),
	                 0);
	const cJSON *answer = ask(place, "{\"command\":\"status\"}");
	ASSERT_ANSWER(answer, {"sources/0/kind", "\"file\""}, {"sources/0/name", "\"bad.json\""},
	              {"sources/0/objects", "0"}, {"sources/0/age", "null"}, {"sources/1", ""});
	assert_non_null(strstr(at(answer, "sources/0/error"), "bad.json:1: not JSON"));
}

static void problems_are_those_of_resolution_drawing_and_files(void **state)
{
	struct place *place = *state;
	char *drawn[] = {(char[]){"pod ns/pod is closed for ingress: too much"}};
	const cJSON *answer;

	place->sync.problems = drawn;
	place->sync.problem_count = 1;
	error_set(&place->sync.history.branches_error, -30, "branches.json: read-only");
	answer = ask(place, "{\"command\":\"status\"}");
	assert_non_null(strstr(at(answer, "problems"), "sg-gone"));
	assert_non_null(strstr(at(answer, "problems"), "is closed for ingress"));
	assert_non_null(strstr(at(answer, "problems"), "branches.json: read-only"));
	place->sync.problem_count = 0;
}

static void pods_are_shown_with_groups_addresses_and_drops(void **state)
{
	ASSERT_ANSWER(ask(*state, "{\"command\":\"pods\"}"), {"nodeMode", "\"strict\""},
	              {"pods/0/namespace", "\"ns\""}, {"pods/0/name", "\"pod\""},
	              {"pods/0/uid", "\"u1\""}, {"pods/0/interface", "\"" VETH "\""},
	              {"pods/0/device", "\"vlan.eth.3\""}, {"pods/0/mode", "\"strict\""},
	              {"pods/0/state", "\"open\""}, {"pods/0/present", "true"},
	              {"pods/0/orphan", "false"}, {"pods/0/sourceDestCheck", "true"},
	              {"pods/0/groupsFrom", "\"policies\""}, {"pods/0/addresses", "[\"10.0.0.5\"]"},
	              {"pods/0/groups", "[\"sg-1\",\"sg-gone\"]"},
	              {"pods/0/missing", "[\"sg-gone\"]"}, {"pods/0/drops", "{\"egress-rules\":7}"},
	              {"pods/1/name", "\"shut\""}, {"pods/1/state", "\"closed\""},
	              {"pods/1/present", "false"}, {"pods/1/drops", "{}"}, {"pods/2", ""});
}

static void pods_are_shown_with_what_the_journal_says(void **state)
{
	struct place *place = *state;
	const struct attachment attachment = {.sandbox = "s1",
	                                      .ifname = "eth0",
	                                      .namespace = "ns",
	                                      .pod = "pod",
	                                      .uid = "u1",
	                                      .interface = "a-veth",
	                                      .mode = MODE_STANDARD,
	                                      .state = ATTACHMENT_UNFILTERED};

	setting_attach(&place->setting, &attachment);
	setting_resolve(&place->setting);
	place->sync.resolution = place->setting.resolution;
	ASSERT_ANSWER(ask(place, "{\"command\":\"pods\"}"), {"nodeMode", "\"strict\""},
	              {"pods/0/interface", "\"a-veth\""}, {"pods/0/mode", "\"standard\""},
	              {"pods/0/sandbox", "\"s1\""}, {"pods/0/attachment", "\"unfiltered\""},
	              {"pods/1/sandbox", "\"\""}, {"pods/1/attachment", "null"});
}

static void status_shows_clean_ups(void **state)
{
	struct place *place = *state;

	ASSERT_ANSWER(ask(place, "{\"command\":\"status\"}"), {"cleanUps", "{\"open\":0}"});
	place->sync.history.clean_ups.open = 3;
	error_set(&place->sync.history.clean_ups.error, -EROFS, "journal: read-only");
	ASSERT_ANSWER(ask(place, "{\"command\":\"status\"}"), {"cleanUps/open", "3"},
	              {"cleanUps/error", "\"journal: read-only\""});
	assert_non_null(strstr(at(place->answer, "problems"), "journal: read-only"));
}

static void groups_are_shown_with_rules_members_and_users(void **state)
{
	ASSERT_ANSWER(ask(*state, "{\"command\":\"groups\"}"), {"groups/0/id", "\"sg-1\""},
	              {"groups/0/name", "\"web\""}, {"groups/0/known", "true"},
	              {"groups/0/members", "1"}, {"groups/0/ingress", "[\"tcp/443 from sg-1\"]"},
	              {"groups/0/egress", "[\"every protocol to 0.0.0.0/0\"]"},
	              {"groups/0/usedBy", "[\"ns/pod\"]"}, {"groups/1/id", "\"sg-gone\""},
	              {"groups/1/known", "false"}, {"groups/1/members", ""},
	              {"groups/1/usedBy", "[\"ns/pod\",\"ns/shut\"]"}, {"groups/2", ""});
}

static void explain_answers_or_says_what_it_does_not_understand(void **state)
{
	struct place *place = *state;

	ASSERT_ANSWER(ask(place, "{\"command\":\"explain\",\"source\":\"ns/pod\","
	                         "\"destination\":\"192.0.2.1\",\"what\":\"tcp/1\"}"),
	              {"ok", "true"}, {"permitted", "true"}, {"passes/0/ends/0/group", "\"sg-1\""});
	ASSERT_ANSWER(ask(place, "{\"command\":\"explain\"}"), {"ok", "false"});
	ASSERT_ANSWER(ask(place, "{\"command\":\"explain\",\"source\":\"ns/pod\","
	                         "\"destination\":\"192.0.2.1\",\"what\":\"tcp/x\"}"),
	              {"ok", "false"});
	assert_non_null(strstr(at(place->answer, "error"), "tcp/x"));
}

static void requests_of_wrong_types_are_answered(void **state)
{
	static const struct {
		const char *request;
		const char *ok;
	} rows[] = {
		{"{}", "false"},
		{"{\"command\":7}", "false"},
		{"{\"command\":null}", "false"},
		{"{\"command\":{\"command\":\"status\"}}", "false"},
		{"{\"command\":\"\"}", "false"},
		{"{\"command\":\"STATUS\"}", "false"},
		{"{\"command\":\"statuses\"}", "false"},
		{"{\"command\":\"explain\",\"source\":7,\"destination\":[]}", "false"},
		{"{\"command\":\"explain\",\"source\":\"ns/pod\",\"destination\":\"ns/pod\","
	         "\"what\":7,\"in\":{},\"originalPort\":\"x\"}",
	         "true"},
		{"{\"command\":\"explain\",\"source\":\"ns/pod\",\"destination\":\"192.0.2.1\","
	         "\"what\":\"tcp/1\",\"originalPort\":1e99}",
	         "true"},
		{"{\"command\":\"explain\",\"source\":\"ns/pod\",\"destination\":\"192.0.2.1\","
	         "\"what\":\"tcp/1\",\"originalPort\":-1}",
	         "true"},
		{"{\"command\":\"status\",\"more\":[1,2,{}]}", "true"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(at(ask(*state, rows[i].request), "ok"), rows[i].ok) != 0)
			fail_msg("%s: ok is not %s", rows[i].request, rows[i].ok);
}

static void before_the_first_resolution_every_command_answers(void **state)
{
	struct place *place = *state;

	place->sync.resolution = NULL;
	ASSERT_ANSWER(ask(place, "{\"command\":\"status\"}"), {"ok", "true"},
	              {"interfaces/open", "0"});
	ASSERT_ANSWER(ask(place, "{\"command\":\"pods\"}"), {"ok", "true"}, {"pods", "[]"});
	ASSERT_ANSWER(ask(place, "{\"command\":\"groups\"}"), {"ok", "true"}, {"groups", "[]"});
	ASSERT_ANSWER(ask(place, "{\"command\":\"explain\",\"source\":\"10.0.0.1\","
	                         "\"destination\":\"10.0.0.2\"}"),
	              {"ok", "false"}, {"error", "\"nothing is resolved yet\""});
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(status_counts_interfaces_by_state),
		PLACED(status_says_never_where_nothing_happened),
		PLACED(status_shows_the_last_commit_and_repair),
		PLACED(a_kernel_that_refuses_is_not_in_force_and_the_error_is_shown),
		PLACED(a_broken_source_is_shown_with_its_error),
		PLACED(problems_are_those_of_resolution_drawing_and_files),
		PLACED(pods_are_shown_with_groups_addresses_and_drops),
		PLACED(pods_are_shown_with_what_the_journal_says),
		PLACED(status_shows_clean_ups),
		PLACED(groups_are_shown_with_rules_members_and_users),
		PLACED(explain_answers_or_says_what_it_does_not_understand),
		PLACED(requests_of_wrong_types_are_answered),
		PLACED(before_the_first_resolution_every_command_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
