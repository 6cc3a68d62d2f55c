/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/file_replace.h"
#include "common/kube_config.h"
#include "nft-sync/ctl/kubeconfig.h"

#define TEXT_MAX (64U << 10)
#define AUTHORITIES_MAX (1U << 20)

static int check_token(const char *path, struct error *err)
{
	char *token = NULL;
	size_t length = 0;
	int r = file_read(path, KUBE_TOKEN_MAX, &token, &length, err);
	if (r < 0)
		return r;
	while (length > 0 && strchr(" \t\r\n", token[length - 1]))
		token[--length] = '\0';
	if (length == 0 || strlen(token) != length || !kube_token_is_valid(token))
		r = error_set(err, -EINVAL, "%s: not a token", path);
	free(token);
	return r;
}

static int check_authority(const char *path, struct error *err)
{
	char *pem = NULL;
	size_t length = 0;
	int r = file_read(path, AUTHORITIES_MAX, &pem, &length, err);
	if (r < 0)
		return r;
	if (!memmem(pem, length, "-----BEGIN CERTIFICATE-----", 27))
		r = error_set(err, -EINVAL, "%s: no certificate in PEM", path);
	free(pem);
	return r;
}

/* Not realpath(): who renews these files may do so by moving a symbolic link on the way. */
static int absolute(const char *path, char ret[static PATH_MAX], struct error *err)
{
	char directory[PATH_MAX] = "";
	if (path[0] != '/' && !getcwd(directory, sizeof(directory)))
		return error_set(err, -errno, "working directory: %s", strerror(errno));
	if (snprintf(ret, PATH_MAX, "%s%s%s", directory, path[0] == '/' ? "" : "/", path) >=
	    PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "%s: the path is too long", path);
	return 0;
}

/* JSON's strings are YAML's, too. */
static void add(struct buffer *text, const char *before, const char *value)
{
	buffer_add_text(text, before);
	buffer_add_json(text, value);
	buffer_add_text(text, "\n");
}

static void add_all(const char *server, const char *token, const char *authority,
                    struct buffer *text)
{
	buffer_add_text(text, "# Written by podsgctl kubeconfig.\n"
	                      "apiVersion: v1\n"
	                      "kind: Config\n"
	                      "clusters:\n"
	                      "- name: podsg\n"
	                      "  cluster:\n");
	add(text, "    server: ", server);
	add(text, "    certificate-authority: ", authority);
	buffer_add_text(text, "users:\n"
	                      "- name: podsg\n"
	                      "  user:\n");
	add(text, "    tokenFile: ", token);
	buffer_add_text(text, "contexts:\n"
	                      "- name: podsg\n"
	                      "  context: {cluster: podsg, user: podsg}\n"
	                      "current-context: podsg\n");
}

static int check_text(const struct kubeconfig_options *options, const struct buffer *text,
                      struct error *err)
{
	struct kube_config *config = NULL;
	const char *path = options->output ? options->output : "kubeconfig";
	if (text->failed)
		return error_set(err, -ENOMEM, "no memory for the kubeconfig");
	if (strncmp(options->server, "https://", 8) != 0)
		return error_set(err, -EINVAL,
		                 "--server: expected https://HOST:PORT: a token must not be sent "
		                 "in the clear");
	int r = kube_config_parse(path, text->text, text->length, &config, err);
	kube_config_free(config);
	return r;
}

int kubeconfig_text(const struct kubeconfig_options *options, struct buffer *ret, struct error *err)
{
	char token[PATH_MAX];
	char authority[PATH_MAX];
	int r = check_token(options->token_file, err);
	if (r == 0)
		r = check_authority(options->ca_file, err);
	if (r == 0)
		r = absolute(options->token_file, token, err);
	if (r == 0)
		r = absolute(options->ca_file, authority, err);
	if (r < 0)
		return r;
	ret->max = TEXT_MAX;
	add_all(options->server, token, authority, ret);
	return check_text(options, ret, err);
}

int kubeconfig_run(const struct kubeconfig_options *options, struct error *err)
{
	struct buffer text = {0};
	int r = kubeconfig_text(options, &text, err);
	if (r == 0 && options->output)
		r = file_replace_synced(options->output, text.text, text.length, 0600, err);
	else if (r == 0 &&
	         (fwrite(text.text, 1, text.length, stdout) != text.length || fflush(stdout) != 0))
		r = error_set(err, -errno, "standard output: %s", strerror(errno));
	buffer_done(&text);
	return r;
}
