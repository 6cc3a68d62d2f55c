/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/kube_config.h"

#define FILE_NAME "/etc/podsg/kubeconfig"
#define CONTEXT "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
#define CLUSTER "clusters: [{name: c, cluster: {server: https://10.0.0.1:6443}}]\n"
#define PEM "LS0tLS1CRUdJTiBYLS0tLS0K" /* "-----BEGIN X-----" */

/* What the user and the cluster say, each as a mapping in YAML's flow style. */
static const char *file_of(const char *cluster, const char *user)
{
	static char text[4096];

	(void)snprintf(text, sizeof(text),
	               CONTEXT "clusters: [{name: c, cluster: %s}]\n"
	                       "users: [{name: u, user: %s}]\n",
	               cluster, user);
	return text;
}

static const char *file_of_user(const char *user)
{
	return file_of("{server: https://10.0.0.1:6443}", user);
}

static struct kube_config *parse(const char *text)
{
	struct kube_config *config = NULL;
	struct error err = {0};

	if (kube_config_parse(FILE_NAME, text, strlen(text), &config, &err) < 0)
		fail_msg("%s\n%s", err.text, text);
	return config;
}

static void assert_refused(const char *text, const char *message)
{
	struct kube_config *config = NULL;
	struct error err = {0};

	if (kube_config_parse(FILE_NAME, text, strlen(text), &config, &err) == 0)
		fail_msg("accepted: %s", text);
	assert_null(config);
	assert_int_equal(err.code, -EINVAL);
	assert_memory_equal(err.text, FILE_NAME, strlen(FILE_NAME));
	assert_string_equal(err.text + strlen(FILE_NAME), message);
}

static void the_current_context_says_which_cluster_and_user(void **state)
{
	struct kube_config *config =
		parse("apiVersion: v1\nkind: Config\ncurrent-context: two\npreferences: {}\n"
	              "contexts:\n"
	              "- {name: one, context: {cluster: c1, user: u1}}\n"
	              "- {name: two, context: {cluster: c2, user: u2, namespace: x}}\n"
	              "clusters:\n"
	              "- {name: c1, cluster: {server: http://one}}\n"
	              "- {name: c2, cluster: {server: https://two/}}\n"
	              "users:\n"
	              "- {name: u1, user: {token: t1}}\n"
	              "- {name: u2, user: {token: t2}}\n");

	(void)state;
	assert_string_equal(config->server, "https://two");
	assert_string_equal(config->user, "u2");
	assert_string_equal(config->token, "t2");
	assert_string_equal(config->file, FILE_NAME);
	assert_null(config->plugin);
	kube_config_free(config);
}

static void json_is_read_as_yaml_is(void **state)
{
	struct kube_config *config =
		parse("{\"current-context\":\"a\",\"contexts\":[{\"name\":\"a\",\"context\":"
	              "{\"cluster\":\"c\",\"user\":\"u\"}}],\"clusters\":[{\"name\":\"c\","
	              "\"cluster\":{\"server\":\"https://h\"}}],"
	              "\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"t\"}}]}");

	(void)state;
	assert_string_equal(config->token, "t");
	kube_config_free(config);
}

static void a_user_may_have_no_credentials(void **state)
{
	struct kube_config *config = parse(file_of_user("{}"));

	(void)state;
	assert_null(config->token);
	assert_null(config->token_file);
	assert_null(config->certificate_file);
	assert_null(config->certificate_pem);
	kube_config_free(config);
	kube_config_free(NULL);
}

static void relative_paths_start_from_the_file(void **state)
{
	struct kube_config *config =
		parse(file_of("{server: https://h, certificate-authority: pki/ca.crt}",
	                      "{client-certificate: c.crt, client-key: /k.key, tokenFile: t}"));

	(void)state;
	assert_string_equal(config->ca_file, "/etc/podsg/pki/ca.crt");
	assert_string_equal(config->certificate_file, "/etc/podsg/c.crt");
	assert_string_equal(config->key_file, "/k.key");
	assert_string_equal(config->token_file, "/etc/podsg/t");
	kube_config_free(config);
}

static void data_goes_before_a_file(void **state)
{
	struct kube_config *config = parse(
		file_of("{server: https://h, certificate-authority: f, "
	                "certificate-authority-data: " PEM "}",
	                "{client-certificate: f, client-certificate-data: " PEM ", client-key: f, "
	                "client-key-data: " PEM "}"));

	(void)state;
	assert_string_equal(config->ca_pem, "-----BEGIN X-----\n");
	assert_string_equal(config->certificate_pem, "-----BEGIN X-----\n");
	assert_string_equal(config->key_pem, "-----BEGIN X-----\n");
	assert_null(config->ca_file);
	assert_null(config->certificate_file);
	assert_null(config->key_file);
	kube_config_free(config);
}

static void a_cluster_says_how_to_get_there(void **state)
{
	struct kube_config *config =
		parse(file_of("{server: 'https://[2001:db8::1]:6443/k8s//', proxy-url: "
	                      "'socks5://p:1080', tls-server-name: api, "
	                      "insecure-skip-tls-verify: true}",
	                      "{}"));

	(void)state;
	assert_string_equal(config->server, "https://[2001:db8::1]:6443/k8s");
	assert_string_equal(config->proxy, "socks5://p:1080");
	assert_string_equal(config->server_name, "api");
	assert_true(config->insecure);
	kube_config_free(config);
}

static void a_plugin_is_read_whole(void **state)
{
	struct kube_config *config = parse(
		file_of("{server: https://h, extensions: [{name: other, extension: 1}, "
	                "{name: client.authentication.k8s.io/exec, extension: {a: [1, b]}}]}",
	                "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: aws, "
	                "args: [eks, get-token], env: [{name: A, value: 'b=c'}], "
	                "provideClusterInfo: true, interactiveMode: Never, installHint: get it}}"));
	const struct kube_plugin *plugin = config->plugin;

	(void)state;
	assert_string_equal(plugin->api_version, "client.authentication.k8s.io/v1beta1");
	assert_string_equal(plugin->command, "aws");
	assert_string_equal(plugin->arguments[0], "eks");
	assert_string_equal(plugin->arguments[1], "get-token");
	assert_null(plugin->arguments[2]);
	assert_string_equal(plugin->environment[0], "A=b=c");
	assert_null(plugin->environment[1]);
	assert_string_equal(plugin->install_hint, "get it");
	assert_true(plugin->wants_cluster);
	assert_string_equal(config->extension, "{\"a\":[1,\"b\"]}");
	kube_config_free(config);
}

static void a_plugin_with_a_slash_is_a_path(void **state)
{
	static const char *const commands[][2] = {
		{"bin/x", "/etc/podsg/bin/x"}, {"./x", "/etc/podsg/./x"}, {"/x", "/x"}, {"x", "x"}};
	char user[256];

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		(void)snprintf(user, sizeof(user),
		               "{exec: {apiVersion: client.authentication.k8s.io/v1, command: %s}}",
		               commands[i][0]);
		struct kube_config *config = parse(file_of_user(user));
		assert_string_equal(config->plugin->command, commands[i][1]);
		assert_null(config->plugin->arguments[0]);
		kube_config_free(config);
	}
}

static void what_is_missing_is_named(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"", ": empty: expected a kubeconfig"},
		{"[]", ":1: expected a kubeconfig"},
		{"kind: Pod\n", ":1: kind: \"Pod\": expected Config: a kubeconfig"},
		{"kind: Config\n", ":1: current-context: none is set: name the context to use"},
		{"current-context: b\ncontexts: [{name: a, context: {}}]\n",
	         ":1: contexts: \"b\": there is no context of that name"},
		{"current-context: a\n", ":1: contexts: \"a\": there is no context of that name"},
		{"current-context: a\ncontexts: [{name: a}]\n",
	         ":2: context \"a\": has no context in it"},
		{"current-context: a\ncontexts: {}\n", ":2: contexts: expected a list"},
		{"current-context: a\ncontexts: [{name: a, context: {user: u}}]\n",
	         ":2: context \"a\": names no cluster"},
		{"current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n",
	         ":2: context \"a\": names no user"},
		{CONTEXT, ":1: clusters: \"c\": there is no cluster of that name"},
		{CONTEXT CLUSTER, ":1: users: \"u\": there is no user of that name"},
		{CONTEXT CLUSTER "users: [{name: u, user: x}]\n",
	         ":4: user \"u\".user: expected keys and values"},
		{CONTEXT CLUSTER "users: [{name: u, user: {}}]\n---\na: b\n",
	         ":6: a second document: expected one"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i].text, cases[i].message);
}

static void a_cluster_is_refused_with_its_rule(void **state)
{
	static const char *const cases[][2] = {
		{"{}", ":3: cluster \"c\".server: expected the URL of an API server, like "
	               "https://10.0.0.1:6443"},
		{"{server: 10.0.0.1}", ":3: cluster \"c\".server: expected the URL of an API "
	                               "server, like https://10.0.0.1:6443"},
		{"{server: ftp://h}", ":3: cluster \"c\".server: expected the URL of an API "
	                              "server, like https://10.0.0.1:6443"},
		{"{server: 'https://u:p@h'}", ":3: cluster \"c\".server: a user, a query or a "
	                                      "fragment in the URL is not supported"},
		{"{server: 5}", ":3: cluster \"c\".server: expected text"},
		{"{server: 'https://h', proxy-url: 'ftp://p'}",
	         ":3: cluster \"c\".proxy-url: expected an http, https or socks5 URL"},
		{"{server: 'https://h', certificate-authority-data: '!'}",
	         ":3: cluster \"c\".certificate-authority-data: expected base64"},
		{"{server: 'https://h', certificate-authority-data: aGVsbG8=}",
	         ":3: cluster \"c\".certificate-authority-data: expected a certificate or key as "
	         "PEM text, in base64"},
		{"{server: 'https://h', insecure-skip-tls-verify: yes please}",
	         ":3: cluster \"c\".insecure-skip-tls-verify: expected true or false"},
		{"{server: 'https://h', insecure-skip-tls-verify: true, certificate-authority: f}",
	         ":3: cluster \"c\".insecure-skip-tls-verify: contradicts the certificate "
	         "authority "
	         "that is given: remove one"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(file_of(cases[i][0], "{}"), cases[i][1]);
}

static void a_user_is_refused_with_what_to_do(void **state)
{
	static const char *const cases[][2] = {
		{"{username: a, password: b}",
	         "username: a password is not supported (Kubernetes has had none since 1.19): use "
	         "a token, a client certificate or exec"},
		{"{as: root, token: t}",
	         "as: acting as another user is not supported: use that user's credentials"},
		{"{client-certificate: f}", "client-key: a certificate is given without its key"},
		{"{client-key: f}", "client-certificate: a key is given without its certificate"},
		{"{client-key-data: '***', client-certificate: f}",
	         "client-key-data: expected base64"},
		{"{token: 'a b'}", "token: expected a token without blanks"},
		{"{token: \"a\\r\\nX: y\"}", "token: expected a token without blanks"},
		{"{token: [a]}", "token: expected text"},
		{"{exec: {command: x}}",
	         "exec.apiVersion: expected client.authentication.k8s.io/v1 or /v1beta1 (v1alpha1 "
	         "is gone since Kubernetes 1.24: have the file written anew)"},
		{"{exec: {apiVersion: client.authentication.k8s.io/v1}}",
	         "exec.command: expected the program to run"},
		{"{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, "
	         "interactiveMode: Always}}",
	         "exec.interactiveMode: a daemon has no terminal: use a plugin that needs none"},
		{"{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, args: y}}",
	         "exec.args: expected a list"},
		{"{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, args: [[]]}}",
	         "exec.args: expected texts"},
		{"{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, env: [{name: "
	         "a}]}}",
	         "exec.env: expected names and values"},
		{"{exec: {apiVersion: client.authentication.k8s.io/v1, command: x}, token: t}",
	         "exec: other credentials stand beside it: leave only one kind"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char message[512];

		(void)snprintf(message, sizeof(message), ":4: user \"u\".%s", cases[i][1]);
		assert_refused(file_of_user(cases[i][0]), message);
	}
}

static void an_auth_provider_is_refused_by_its_name(void **state)
{
	static const char *const cases[][2] = {
		{"gcp", ", gke-gcloud-auth-plugin"},
		{"azure", ", kubelogin"},
		{"oidc", ", kubectl-oidc_login"},
		{"x", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char user[128];
		char message[512];

		(void)snprintf(user, sizeof(user), "{auth-provider: {name: %s}}", cases[i][0]);
		(void)snprintf(message, sizeof(message),
		               ":4: user \"u\".auth-provider: \"%s\": not supported (gone since "
		               "Kubernetes 1.26): use exec with the provider's plugin%s",
		               cases[i][0], cases[i][1]);
		assert_refused(file_of_user(user), message);
	}
}

static void long_names_are_cut_in_errors(void **state)
{
	char text[8192];
	char name[3001];
	struct kube_config *config = NULL;
	struct error err = {0};

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)snprintf(text, sizeof(text),
	               "current-context: %s\ncontexts: [{name: %s, context: {cluster: c}}]\n", name,
	               name);
	assert_int_equal(kube_config_parse("f", text, strlen(text), &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "nnn"));
}

static void a_pod_finds_its_server_in_the_environment(void **state)
{
	static const char *const cases[][2] = {
		{"10.0.0.1", "https://10.0.0.1:443"},
		{"2001:db8::1", "https://[2001:db8::1]:443"},
		{"kubernetes", "https://kubernetes:443"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kube_config *config = NULL;

		setenv("KUBERNETES_SERVICE_HOST", cases[i][0], 1);
		setenv("KUBERNETES_SERVICE_PORT", "443", 1);
		assert_int_equal(kube_config_in_cluster("/sa", &config, NULL), 0);
		assert_string_equal(config->server, cases[i][1]);
		assert_string_equal(config->ca_file, "/sa/ca.crt");
		assert_string_equal(config->token_file, "/sa/token");
		kube_config_free(config);
	}
}

static void outside_a_pod_that_is_said(void **state)
{
	struct kube_config *config = NULL;
	struct error err = {0};

	(void)state;
	unsetenv("KUBERNETES_SERVICE_HOST");
	assert_int_equal(kube_config_in_cluster("/sa", &config, &err), -ENOENT);
	assert_non_null(strstr(err.text, "does not run in a pod"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_current_context_says_which_cluster_and_user),
		cmocka_unit_test(json_is_read_as_yaml_is),
		cmocka_unit_test(a_user_may_have_no_credentials),
		cmocka_unit_test(relative_paths_start_from_the_file),
		cmocka_unit_test(data_goes_before_a_file),
		cmocka_unit_test(a_cluster_says_how_to_get_there),
		cmocka_unit_test(a_plugin_is_read_whole),
		cmocka_unit_test(a_plugin_with_a_slash_is_a_path),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(a_cluster_is_refused_with_its_rule),
		cmocka_unit_test(a_user_is_refused_with_what_to_do),
		cmocka_unit_test(an_auth_provider_is_refused_by_its_name),
		cmocka_unit_test(long_names_are_cut_in_errors),
		cmocka_unit_test(a_pod_finds_its_server_in_the_environment),
		cmocka_unit_test(outside_a_pod_that_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
