/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/exposition.h"
#include "nft-sync/answer/metrics.h"
#include "nft-sync/kernel/nft_elements.h"
#include "tests/unit/setting.h"

#define TIME CREATED("2026-01-01T00:00:00Z")
#define STRICT "vlane34aba5891b" /* of ns/pod, mode strict with a device */

/* The kernel's counters. */
static struct {
	unsigned readings; /* of sets */
	uint64_t packets;  /* of ns/pod, dropped by the egress rules */
	bool gone;         /* there is no table */
} kernel;

int nft_read_counters(struct nft *nft, const char *set,
                      int (*visit)(const struct nft_element *element, void *context), void *context)
{
	static const uint8_t pod[16] = STRICT;
	static const uint8_t stranger[16] = "eni-of-nobody";
	const struct nft_element of_pod = {.key = pod,
	                                   .length = sizeof(pod),
	                                   .packets = kernel.packets,
	                                   .bytes = 60 * kernel.packets};
	const struct nft_element of_stranger = {
		.key = stranger, .length = sizeof(stranger), .packets = 9};

	(void)nft;
	kernel.readings++;
	if (kernel.gone)
		return -ENOENT;
	if (strcmp(set, "drops-egress-rules") != 0 && strcmp(set, "permits-egress") != 0)
		return 0;
	assert_int_equal(visit(&of_stranger, context), 0);
	return visit(&of_pod, context);
}

int nft_read_chain_counter(struct nft *nft, const char *chain, uint64_t *packets)
{
	(void)nft;
	*packets = strcmp(chain, "exempt-imds") == 0 ? 5 : 0;
	return kernel.gone ? -ENOENT : 0;
}

static const char cluster[] = KUBERNETES(
	POD("pod", "u1", TIME ENI("eni-1", "10.0.0.5", "3") ON("n1", "10.0.0.5"))
		POD("shut", "u2", TIME ON("n1", "10.0.0.6"))
			POLICY("p", "podSelector: {matchLabels: {app: pod}}", "sg-1")
				POLICY("q", "podSelector: {matchLabels: {app: shut}}", "sg-gone"));

struct place {
	struct setting setting;
	struct sync sync;
	struct metrics *metrics;
	char *page;
};

static int open_place(void **state)
{
	static struct place place;

	place = (struct place){.metrics = metrics_new()};
	kernel.readings = 0;
	kernel.packets = 7;
	kernel.gone = false;
	setting_open(&place.setting, "version: 1\nnode: {name: n1}\nexempt: {ecs: false}\n");
	setting_put(&place.setting, "cluster.yaml", cluster);
	setting_put(&place.setting, "groups.yaml", GROUPS(GROUP("sg-1", "")));
	setting_links(&place.setting, "eth0 " STRICT);
	setting_resolve(&place.setting);
	place.sync = (struct sync){.config = place.setting.config,
	                           .model = place.setting.model,
	                           .resolution = place.setting.resolution};
	*state = &place;
	return 0;
}

static int close_place(void **state)
{
	struct place *place = *state;

	free(place->page);
	metrics_free(place->metrics);
	setting_close(&place->setting);
	return 0;
}

static const char *page_at(struct place *place, uint64_t now)
{
	size_t length = 0;

	free(place->page);
	place->page = metrics_page(place->metrics, &place->sync, now, &length);
	assert_non_null(place->page);
	assert_int_equal(strlen(place->page), length);
	return place->page;
}

/* The value of the one sample that begins so; fails where there is none. */
static double value_of(const char *page, const char *sample)
{
	char line[256];
	const char *found;

	(void)snprintf(line, sizeof(line), "\n%s ", sample);
	found = strstr(page, line);
	if (found == NULL)
		fail_msg("no sample %s", sample);
	return found != NULL ? strtod(found + strlen(line), NULL) : NAN;
}

#define DROPPED(what, reason)                                                                      \
	"podsg_dropped_" what "_total{interface=\"" STRICT "\",namespace=\"ns\",pod=\"pod\","      \
	"direction=\"egress\",reason=\"" reason "\"}"

static void drops_are_shown_by_interface_pod_direction_and_reason(void **state)
{
	const char *page = page_at(*state, 0);

	assert_int_equal(value_of(page, DROPPED("packets", "rules")), 7);
	assert_int_equal(value_of(page, DROPPED("bytes", "rules")), 420);
	assert_null(strstr(page, "eni-of-nobody"));
}

/* A counter that only appears with its first packet hides that packet from rate(). */
static void drops_that_can_happen_are_shown_as_none(void **state)
{
	const char *page = page_at(*state, 0);

	assert_int_equal(value_of(page, DROPPED("packets", "source")), 0);
	assert_int_equal(value_of(page, DROPPED("packets", "path")), 0);
	assert_non_null(strstr(page, "pod=\"shut\",direction=\"ingress\",reason=\"closed\"} 0\n"));
}

static void drops_that_cannot_happen_are_not_shown(void **state)
{
	const char *page = page_at(*state, 0);

	assert_null(strstr(page, "reason=\"claimed\""));
	assert_null(strstr(page, "pod=\"pod\",direction=\"egress\",reason=\"closed\""));
	assert_null(strstr(page, "pod=\"shut\",direction=\"egress\",reason=\"rules\""));
}

static void counters_that_cannot_be_read_are_left_out_rather_than_zero(void **state)
{
	const char *page;

	kernel.gone = true;
	page = page_at(*state, 0);
	assert_null(strstr(page, "\npodsg_dropped_packets_total{"));
	assert_null(strstr(page, "\npodsg_exempt_flows_total{"));
	assert_int_equal(value_of(page, "podsg_interfaces{state=\"closed\"}"), 1);
}

static void permitted_flows_are_shown_by_interface_pod_and_direction(void **state)
{
	const char *page = page_at(*state, 0);

	assert_int_equal(value_of(page, "podsg_permitted_flows_total{interface=\"" STRICT
	                                "\",namespace=\"ns\",pod=\"pod\",direction=\"egress\"}"),
	                 7);
	assert_int_equal(value_of(page, "podsg_permitted_flows_total{interface=\"" STRICT
	                                "\",namespace=\"ns\",pod=\"pod\",direction=\"ingress\"}"),
	                 0);
}

static void exemptions_that_are_on_are_counted(void **state)
{
	const char *page = page_at(*state, 0);

	assert_int_equal(
		value_of(page, "podsg_exempt_flows_total{exemption=\"imds\",direction=\"egress\"}"),
		5);
	assert_int_equal(value_of(page, "podsg_exempt_flows_total{exemption=\"hairpin\","
	                                "direction=\"ingress\"}"),
	                 0);
	assert_null(strstr(page, "exemption=\"ecs\""));
}

static void the_kernel_is_not_asked_more_than_twice_a_second(void **state)
{
	struct place *place = *state;
	unsigned readings;

	(void)page_at(place, 1000);
	readings = kernel.readings;
	kernel.packets = 8;
	assert_int_equal(
		value_of(page_at(place, 1000 + METRICS_KEPT - 1), DROPPED("packets", "rules")), 7);
	assert_int_equal(kernel.readings, readings);
	assert_int_equal(value_of(page_at(place, 1000 + METRICS_KEPT), DROPPED("packets", "rules")),
	                 8);
}

static void every_commit_is_observed_once(void **state)
{
	struct place *place = *state;
	struct sync_history *history = &place->sync.history;
	const char *page;

	metrics_committed(place->metrics, &place->sync);
	history->commits = 1;
	history->commit_milliseconds = 4;
	history->report = (struct nft_report){.bytes = 2000, .elements_added = 3};
	metrics_committed(place->metrics, &place->sync);
	metrics_committed(place->metrics, &place->sync);
	history->commits = 2;
	history->commit_milliseconds = 9000;
	history->report.elements_deleted = 40;
	metrics_committed(place->metrics, &place->sync);
	page = page_at(place, 0);
	assert_int_equal(value_of(page, "podsg_commit_duration_seconds_count"), 2);
	assert_int_equal(value_of(page, "podsg_commit_duration_seconds_bucket{le=\"0.0025\"}"), 0);
	assert_int_equal(value_of(page, "podsg_commit_duration_seconds_bucket{le=\"0.005\"}"), 1);
	assert_int_equal(value_of(page, "podsg_commit_duration_seconds_bucket{le=\"5\"}"), 1);
	assert_int_equal(value_of(page, "podsg_commit_duration_seconds_bucket{le=\"+Inf\"}"), 2);
	assert_true(fabs(value_of(page, "podsg_commit_duration_seconds_sum") - 9.004) < 1e-9);
	assert_int_equal(value_of(page, "podsg_commit_elements_sum"), 46);
	assert_int_equal(value_of(page, "podsg_commit_size_bytes_sum"), 4000);
}

static void sandboxes_are_counted_by_state_and_waits_are_observed(void **state)
{
	struct place *place = *state;
	struct attachment attachment = {.sandbox = "s1", .ifname = "eth0"};

	for (enum attachment_state s = ATTACHMENT_ADDING; s <= ATTACHMENT_GONE; s++) {
		attachment.sandbox[1]++;
		attachment.state = s;
		setting_attach(&place->setting, &attachment);
	}
	attachment.sandbox[1]++;
	setting_attach(&place->setting, &attachment);
	place->sync.history.clean_ups.open = 2;
	place->sync.history.attach_waits = (struct histogram){.bounds = {.01}, .bound_count = 1};
	histogram_observe(&place->sync.history.attach_waits, .003);
	const char *page = page_at(place, 0);

	assert_int_equal(value_of(page, "podsg_attachments{state=\"adding\"}"), 1);
	assert_int_equal(value_of(page, "podsg_attachments{state=\"unfiltered\"}"), 1);
	assert_int_equal(value_of(page, "podsg_attachments{state=\"gone\"}"), 2);
	assert_int_equal(value_of(page, "podsg_clean_ups_open"), 2);
	assert_int_equal(value_of(page, "podsg_attach_wait_seconds_bucket{le=\"0.01\"}"), 1);
	assert_int_equal(value_of(page, "podsg_attach_wait_seconds_count"), 1);
}

static void before_anything_is_resolved_there_is_a_page(void **state)
{
	struct place *place = *state;
	const char *page;

	place->sync.resolution = NULL;
	page = page_at(place, 0);
	assert_int_equal(value_of(page, "podsg_in_force"), 0);
	assert_int_equal(value_of(page, "podsg_healthy"), 0);
	assert_int_equal(value_of(page, "podsg_interfaces{state=\"open\"}"), 0);
	assert_null(strstr(page, "podsg_dropped"));
}

static void the_process_is_shown(void **state)
{
	const char *page = page_at(*state, 0);

	assert_true(value_of(page, "process_resident_memory_bytes") > 1e6);
	assert_true(value_of(page, "process_start_time_seconds") > 1.6e9);
	assert_true(value_of(page, "process_open_fds") >= 3);
	assert_true(value_of(page, "process_cpu_seconds_total") >= 0);
}

static char *shown(void (*show)(FILE *out, const char *value), const char *value)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	show(out, value);
	(void)fclose(out);
	return text;
}

static void show_label(FILE *out, const char *value)
{
	const struct sample_label label = {"name", value};

	expose_sample(out, "x", &label, 1, 1);
}

static void labels_are_escaped_and_stay_one_line_of_utf8(void **state)
{
	static const struct {
		const char *value;
		const char *expected;
	} rows[] = {
		{"", "x{name=\"\"} 1\n"},
		{"plain", "x{name=\"plain\"} 1\n"},
		{"a\"b", "x{name=\"a\\\"b\"} 1\n"},
		{"a\\b", "x{name=\"a\\\\b\"} 1\n"},
		{"a\nb", "x{name=\"a\\nb\"} 1\n"},
		{"a\rb", "x{name=\"a\\\\x0db\"} 1\n"},
		{"\"} 2\nx{name=\"", "x{name=\"\\\"} 2\\nx{name=\\\"\"} 1\n"},
		{"\xff", "x{name=\"\\\\xff\"} 1\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = shown(show_label, rows[i].value);

		assert_string_equal(text, rows[i].expected);
		free(text);
	}
}

static void show_number(FILE *out, const char *value)
{
	expose_sample(out, "x", NULL, 0, strtod(value, NULL));
}

static void numbers_are_shown_without_loss(void **state)
{
	static const struct {
		const char *value;
		const char *expected;
	} rows[] = {
		{"0", "x 0\n"},
		{"0.1", "x 0.1\n"},
		{"-1", "x -1\n"},
		{"123456789012345", "x 123456789012345\n"},
		{"1795356564.25", "x 1795356564.25\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = shown(show_number, rows[i].value);

		assert_string_equal(text, rows[i].expected);
		free(text);
	}
}

int main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)
	const struct CMUnitTest tests[] = {
		IN_PLACE(drops_are_shown_by_interface_pod_direction_and_reason),
		IN_PLACE(drops_that_can_happen_are_shown_as_none),
		IN_PLACE(drops_that_cannot_happen_are_not_shown),
		IN_PLACE(counters_that_cannot_be_read_are_left_out_rather_than_zero),
		IN_PLACE(permitted_flows_are_shown_by_interface_pod_and_direction),
		IN_PLACE(exemptions_that_are_on_are_counted),
		IN_PLACE(the_kernel_is_not_asked_more_than_twice_a_second),
		IN_PLACE(every_commit_is_observed_once),
		IN_PLACE(sandboxes_are_counted_by_state_and_waits_are_observed),
		IN_PLACE(before_anything_is_resolved_there_is_a_page),
		IN_PLACE(the_process_is_shown),
		cmocka_unit_test(labels_are_escaped_and_stay_one_line_of_utf8),
		cmocka_unit_test(numbers_are_shown_without_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
