/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/buffer.h"
#include "hooks/oci-hook/gone.h"
#include "hooks/oci-hook/state.h"

#define CRIO(type) "\"io.kubernetes.cri-o.ContainerType\":\"" type "\""
#define CRIO_SANDBOX ",\"io.kubernetes.cri-o.SandboxID\":\"s\""
#define CONTAINERD(type) "\"io.kubernetes.cri.container-type\":\"" type "\""
#define CONTAINERD_SANDBOX "\"io.kubernetes.cri.sandbox-id\":\"s\""
#define STATE(annotations)                                                                         \
	"{\"ociVersion\":\"1.0.2\",\"id\":\"c\",\"pid\":0,\"bundle\":\"/b\",\"annotations\":{"     \
	"\"other\":\"x\"" annotations "}}"

static int parse(const char *text, char *ret, struct error *err)
{
	size_t length = strlen(text);
	char *copy = malloc(length > 0 ? length : 1);
	assert_non_null(copy);
	memcpy(copy, text, length);
	int r = oci_state_parse(copy, length, ret, err);
	free(copy);
	return r;
}

static void a_container_is_its_own_sandbox_unless_it_says_otherwise(void **state)
{
	static const struct {
		const char *text;
		const char *sandbox;
	} cases[] = {
		{STATE("," CRIO("sandbox") CRIO_SANDBOX), "s"},
		{STATE("," CRIO("sandbox")), "c"},
		{STATE("," CRIO("container") CRIO_SANDBOX), "c"},
		{STATE(CRIO_SANDBOX), "c"},
		{STATE("," CONTAINERD("sandbox") "," CONTAINERD_SANDBOX), "s"},
		{STATE("," CONTAINERD("container") "," CONTAINERD_SANDBOX), "c"},
		{STATE("," CONTAINERD("podsandbox") "," CONTAINERD_SANDBOX), "c"},
		{STATE("," CONTAINERD_SANDBOX), "c"},
		{STATE("," CRIO("") "," CONTAINERD("sandbox") "," CONTAINERD_SANDBOX), "s"},
		{STATE("," CRIO("sandbox") ",\"io.kubernetes.cri-o.SandboxID\":\"\""), "c"},
		{STATE(""), "c"},
		{"{\"id\":\"c\"}", "c"},
		{"{\"id\":\"c\",\"annotations\":null}", "c"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char sandbox[JOURNAL_SANDBOX_MAX + 1] = "";
		struct error err = {0};
		if (parse(cases[i].text, sandbox, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_string_equal(sandbox, cases[i].sandbox);
	}
}

static void what_is_no_state_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"", "state:1: not JSON, truncated: a value is expected"},
		{"{\"id\":\"c\"", "state:1: not JSON, truncated: a comma or } is expected"},
		{"{\"id\":\"c\"} {}", "state:1: not JSON: text behind the end of the document"},
		{"[]", "state: an id of 0 characters: 1 to 128 expected"},
		{"{}", "state: an id of 0 characters: 1 to 128 expected"},
		{"{\"id\":1}", "state: an id of 0 characters: 1 to 128 expected"},
	};
	char found[JOURNAL_SANDBOX_MAX + 1];
	char text[256];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = {0};
		assert_int_equal(parse(cases[i].text, found, &err), -EBADMSG);
		assert_string_equal(err.text, cases[i].message);
	}
	for (int length = JOURNAL_SANDBOX_MAX; length <= JOURNAL_SANDBOX_MAX + 1; length++) {
		(void)snprintf(text, sizeof(text), "{\"id\":\"%0*d\"}", length, 0);
		assert_int_equal(parse(text, found, NULL),
		                 length > JOURNAL_SANDBOX_MAX ? -EBADMSG : 0);
	}
}

#define HERE "0a1b2c3d-0000-0000-0000-000000000000"
#define EARLIER "ffffffff-0000-0000-0000-000000000000"
#define NO_INDEX ((unsigned)INT_MAX) /* no kernel has come so far */
#define LOOPBACK 1
#define NETNS "/proc/self/ns/net"

static void the_kernel_says_whether_a_sandbox_is_gone(void **state)
{
	static const struct {
		const char *says;
		const char *boot;
		unsigned index;
		const char *netns;
		enum oci_verdict verdict;
	} cases[] = {
		{"interface and namespace are there", HERE, LOOPBACK, NETNS, OCI_ALIVE},
		{"only the interface was recorded", HERE, LOOPBACK, "", OCI_ALIVE},
		{"only the namespace was recorded", HERE, 0, NETNS, OCI_ALIVE},
		{"nothing was recorded", HERE, 0, "", OCI_ALIVE},
		{"the interface is gone", HERE, NO_INDEX, NETNS, OCI_GONE},
		{"both are gone", HERE, NO_INDEX, "/no/netns", OCI_GONE},
		{"the namespace alone is gone", HERE, LOOPBACK, "/no/netns", OCI_LEAVING},
		{"the only thing recorded is gone", HERE, 0, "/no/netns", OCI_GONE},
		{"the file stayed, the mount did not", HERE, 0, "/proc/self/status", OCI_GONE},
		{"no namespace below what is no directory", HERE, 0, "/proc/self/status/x",
	         OCI_GONE},
		{"of an earlier boot", EARLIER, LOOPBACK, NETNS, OCI_GONE},
		{"of a boot that was not recorded", "", LOOPBACK, NETNS, OCI_ALIVE},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct attachment attachment = {.interface_index = cases[i].index,
		                                .interface = "lo"};
		if (cases[i].index == 0)
			attachment.interface[0] = '\0';
		(void)snprintf(attachment.boot, sizeof(attachment.boot), "%s", cases[i].boot);
		(void)snprintf(attachment.netns, sizeof(attachment.netns), "%s", cases[i].netns);
		if (oci_sandbox_verdict(&attachment, HERE) != cases[i].verdict)
			fail_msg("%s", cases[i].says);
	}
}

static void an_index_under_another_name_needs_the_namespace(void **state)
{
	struct attachment attachment = {
		.interface_index = LOOPBACK, .interface = "vlana", .netns = NETNS, .boot = HERE};
	(void)state;
	assert_int_equal(oci_sandbox_verdict(&attachment, HERE), OCI_ALIVE);
	(void)snprintf(attachment.netns, sizeof(attachment.netns), "/no/netns");
	assert_int_equal(oci_sandbox_verdict(&attachment, HERE), OCI_GONE);
}

static void without_a_boot_id_nothing_is_of_an_earlier_boot(void **state)
{
	struct attachment attachment = {
		.interface_index = LOOPBACK, .interface = "lo", .boot = EARLIER};
	(void)state;
	assert_int_equal(oci_sandbox_verdict(&attachment, ""), OCI_ALIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_is_its_own_sandbox_unless_it_says_otherwise),
		cmocka_unit_test(what_is_no_state_is_refused),
		cmocka_unit_test(the_kernel_says_whether_a_sandbox_is_gone),
		cmocka_unit_test(an_index_under_another_name_needs_the_namespace),
		cmocka_unit_test(without_a_boot_id_nothing_is_of_an_earlier_boot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
