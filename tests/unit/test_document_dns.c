/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/documents.h"

#define SERVICE(name, namespace, spec)                                                             \
	"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"" name               \
	"\",\"namespace\":\"" namespace "\"},\"spec\":{" spec "}}"
#define SLICE(service, namespace, rest)                                                            \
	"{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\",\"metadata\":{"        \
	"\"name\":\"kube-dns-x7k2p\",\"namespace\":\"" namespace "\",\"labels\":{\"kubernetes.io/" \
								 "service-name\":\"" service       \
								 "\"}}," rest "}"
#define PORTS(udp, tcp)                                                                            \
	"\"ports\":[{\"name\":\"metrics\",\"port\":9153,\"protocol\":\"TCP\"},"                    \
	"{\"name\":\"dns\",\"port\":" udp ",\"protocol\":\"UDP\"},"                                \
	"{\"name\":\"dns-tcp\",\"port\":" tcp ",\"protocol\":\"TCP\"}]"

/* "10.0.0.1 10.0.0.2" */
static const char *addresses_of(const struct cluster_dns *dns)
{
	static char text[256];
	char address[PREFIX_TEXT_MAX];

	text[0] = '\0';
	for (size_t i = 0; i < dns->address_count; i++) {
		size_t used = strlen(text);

		(void)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "",
		               prefix_text(&dns->addresses[i], address));
	}
	return text;
}

static void the_service_has_its_cluster_addresses(void **state)
{
	static const struct {
		const char *text;
		const char *addresses;
	} cases[] = {
		{SERVICE("kube-dns", "kube-system",
	                 "\"clusterIP\":\"172.20.0.10\",\"clusterIPs\":[\"172.20.0.10\",\"fd00::"
	                 "a\"]"),
	         "172.20.0.10 fd00::a"},
		{SERVICE("kube-dns", "kube-system", "\"clusterIP\":\"172.20.0.10\""),
	         "172.20.0.10"},
		{SERVICE("kube-dns", "kube-system",
	                 "\"clusterIP\":\"None\",\"clusterIPs\":[\"None\"]"),
	         ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct document *document = load_json(cases[i].text);

		assert_int_equal(document->cluster_dns_count, 1);
		assert_false(document->cluster_dns[0].endpoints);
		assert_string_equal(document->cluster_dns[0].name, "kube-dns");
		assert_string_equal(addresses_of(&document->cluster_dns[0]), cases[i].addresses);
		document_free(document);
	}
}

static void a_slice_has_its_ready_endpoints_and_their_ports(void **state)
{
	struct document *document = load_json(SLICE(
		"kube-dns", "kube-system",
		"\"addressType\":\"IPv4\"," PORTS(
			"5353",
			"5354") ",\"endpoints\":["
				"{\"addresses\":[\"10.0.0.1\"],\"conditions\":{\"ready\":true}},"
				"{\"addresses\":[\"10.0.0.2\"],\"conditions\":{\"ready\":false}},"
				"{\"addresses\":[\"10.0.0.3\"],\"conditions\":{}},"
				"{\"addresses\":[\"10.0.0.4\"],\"conditions\":{\"ready\":null}},"
				"{\"addresses\":[\"10.0.0.5\"]}]"));

	(void)state;
	assert_int_equal(document->cluster_dns_count, 1);
	assert_true(document->cluster_dns[0].endpoints);
	assert_string_equal(addresses_of(&document->cluster_dns[0]),
	                    "10.0.0.1 10.0.0.3 10.0.0.4 10.0.0.5");
	assert_int_equal(document->cluster_dns[0].udp_port, 5353);
	assert_int_equal(document->cluster_dns[0].tcp_port, 5354);
	document_free(document);
}

static void a_port_that_is_not_said_is_53(void **state)
{
	static const char *const ports[] = {
		"\"ports\":null",
		"\"ports\":[]",
		"\"ports\":[{\"name\":\"metrics\",\"port\":9153,\"protocol\":\"TCP\"}]",
		"\"ports\":[{\"name\":\"\",\"port\":53,\"protocol\":\"UDP\"},{\"port\":53}]",
		"\"ports\":[{\"name\":\"dns\",\"port\":null,\"protocol\":\"UDP\"}]",
		"\"ports\":[{\"name\":\"dns-sctp\",\"port\":54,\"protocol\":\"SCTP\"}]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		char text[512];
		struct document *document;

		(void)snprintf(text, sizeof(text),
		               SLICE("kube-dns", "kube-system", "%s,\"endpoints\":null"), ports[i]);
		document = load_json(text);
		assert_int_equal(document->cluster_dns[0].udp_port, 53);
		assert_int_equal(document->cluster_dns[0].tcp_port, 53);
		document_free(document);
	}
}

static void other_services_and_slices_are_passed_over_in_silence(void **state)
{
	static const char *const texts[] = {
		SERVICE("kube-dns", "default", "\"clusterIP\":\"172.20.0.10\""),
		SERVICE("web", "kube-system", "\"clusterIP\":\"what ever\",\"clusterIPs\":5"),
		SLICE("web", "kube-system", "\"endpoints\":5"),
		SLICE("kube-dns", "default", "\"endpoints\":[]"),
		SLICE("kube-dns", "kube-system",
	              "\"addressType\":\"FQDN\",\"endpoints\":[{\"addresses\":[\"a.example\"]}]"),
		"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\"},"
		"\"spec\":5}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct document *document = load_json(texts[i]);

		assert_int_equal(document->cluster_dns_count, 0);
		assert_int_equal(document->warning_count, 0);
		document_free(document);
	}
}

static void the_older_version_of_slices_is_read_alike(void **state)
{
	struct document *document = load_json(
		"{\"apiVersion\":\"discovery.k8s.io/v1beta1\",\"kind\":\"EndpointSliceList\","
		"\"items\":[{\"metadata\":{\"name\":\"kube-dns-a\",\"namespace\":\"kube-system\","
		"\"labels\":{\"kubernetes.io/"
		"service-name\":\"kube-dns\"}},\"addressType\":\"IPv6\","
		"\"endpoints\":[{\"addresses\":[\"fd00::1\"],\"conditions\":{\"ready\":true},"
		"\"topology\":{\"kubernetes.io/hostname\":\"n\"}}],"
		"\"ports\":[{\"name\":\"dns\",\"protocol\":\"UDP\",\"port\":53}]}]}");

	(void)state;
	assert_int_equal(document->cluster_dns_count, 1);
	assert_string_equal(addresses_of(document->cluster_dns), "fd00::1");
	document_free(document);
}

static void a_broken_one_of_the_dns_is_refused(void **state)
{
	(void)state;
	assert_refused(SERVICE("kube-dns", "kube-system", "\"clusterIP\":\"172.20.0\""), -22,
	               "d.json:1: spec.clusterIP: \"172.20.0\": expected an IPv4 or IPv6 address");
	assert_refused(
		SLICE("kube-dns", "kube-system", "\"endpoints\":[{\"addresses\":[\"x\"]}]"), -22,
		"d.json:1: endpoints[0].addresses[0]: \"x\": expected an IPv4 or IPv6 address");
	assert_refused(SLICE("kube-dns", "kube-system", PORTS("0", "53")), -22,
	               "d.json:1: ports[1].port: \"0\": expected a whole number, 1 to 65535");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_service_has_its_cluster_addresses),
		cmocka_unit_test(a_slice_has_its_ready_endpoints_and_their_ports),
		cmocka_unit_test(a_port_that_is_not_said_is_53),
		cmocka_unit_test(other_services_and_slices_are_passed_over_in_silence),
		cmocka_unit_test(the_older_version_of_slices_is_read_alike),
		cmocka_unit_test(a_broken_one_of_the_dns_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
