/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base64.h"
#include "common/file.h"
#include "common/json.h"
#include "common/kube_credential.h"

static bool add_text(cJSON *object, const char *key, const char *text)
{
	return !text || cJSON_AddStringToObject(object, key, text);
}

static int add_ca_file(cJSON *cluster, const char *path, struct error *err)
{
	char *pem = NULL;
	char *encoded = NULL;
	size_t length = 0;
	int r = file_read(path, KUBE_CONFIG_SIZE_MAX, &pem, &length, err);
	if (r < 0)
		return r;
	encoded = malloc(BASE64_SIZE(length));
	if (encoded)
		base64_encode(pem, length, encoded);
	if (!encoded || !cJSON_AddStringToObject(cluster, "certificate-authority-data", encoded))
		r = error_set(err, -ENOMEM, "out of memory");
	free(encoded);
	free(pem);
	return r;
}

static bool add_ca_text(cJSON *cluster, const char *pem)
{
	size_t length = strlen(pem);
	char *encoded = malloc(BASE64_SIZE(length));
	bool added = false;
	if (encoded) {
		base64_encode(pem, length, encoded);
		added = add_text(cluster, "certificate-authority-data", encoded);
	}
	free(encoded);
	return added;
}

static int add_cluster(cJSON *spec, const struct kube_config *config, struct error *err)
{
	cJSON *cluster = cJSON_AddObjectToObject(spec, "cluster");
	bool added =
		cluster && add_text(cluster, "server", config->server) &&
		add_text(cluster, "tls-server-name", config->server_name) &&
		add_text(cluster, "proxy-url", config->proxy) &&
		(!config->insecure || cJSON_AddTrueToObject(cluster, "insecure-skip-tls-verify")) &&
		(!config->ca_pem || add_ca_text(cluster, config->ca_pem)) &&
		(!config->extension || cJSON_AddRawToObject(cluster, "config", config->extension));
	if (!added)
		return error_set(err, -ENOMEM, "out of memory");
	return config->ca_file ? add_ca_file(cluster, config->ca_file, err) : 0;
}

int kube_exec_info(const struct kube_config *config, char **ret, struct error *err)
{
	cJSON *info = cJSON_CreateObject();
	char *text = NULL;
	int r = 0;
	bool added = info && add_text(info, "kind", "ExecCredential") &&
	             add_text(info, "apiVersion", config->plugin->api_version);
	cJSON *spec = added ? cJSON_AddObjectToObject(info, "spec") : NULL;
	if (spec && config->plugin->wants_cluster)
		r = add_cluster(spec, config, err);
	if (r == 0 && spec && cJSON_AddFalseToObject(spec, "interactive"))
		text = cJSON_PrintUnformatted(info);
	cJSON_Delete(info);
	if (r == 0 && !text)
		r = error_set(err, -ENOMEM, "out of memory");
	*ret = text;
	return r;
}

static const char *text_of(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
	return text && text[0] ? text : NULL;
}

/* RFC 3339, whole seconds. */
static int parse_time(const char *text, int64_t *ret)
{
	struct tm time = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &time);
	if (end && *end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (end)
		end = strptime(end, "%z", &time);
	if (!end || *end)
		return -EINVAL;
	/* timegm() overwrites it. */
	long east = time.tm_gmtoff;
	*ret = timegm(&time) - east;
	return 0;
}

static int check_object(const cJSON *object, const char *api_version, struct error *err)
{
	const char *kind = text_of(object, "kind");
	const char *version = text_of(object, "apiVersion");
	if (!kind || strcmp(kind, "ExecCredential") != 0)
		return error_set(err, -EBADMSG, "printed no ExecCredential: its kind is \"%.40s\"",
		                 kind ? kind : "");
	if (!version || strcmp(version, api_version) != 0)
		return error_set(err, -EBADMSG,
		                 "printed an ExecCredential of %.60s where the kubeconfig asks for "
		                 "%s",
		                 version ? version : "no apiVersion", api_version);
	return 0;
}

static int check_status(const cJSON *status, struct error *err)
{
	const char *token = text_of(status, "token");
	const char *certificate = text_of(status, "clientCertificateData");
	const char *key = text_of(status, "clientKeyData");
	if (!token && !certificate)
		return error_set(err, -EBADMSG,
		                 "printed neither a token nor a client certificate in status");
	if (token && !kube_token_is_valid(token))
		return error_set(err, -EBADMSG, "printed a token that is none");
	if (!certificate != !key)
		return error_set(err, -EBADMSG, "printed a client %s without its %s",
		                 certificate ? "certificate" : "key",
		                 certificate ? "key" : "certificate");
	return 0;
}

static int take_status(const cJSON *status, struct kube_credential *ret, struct error *err)
{
	const struct {
		const char *key;
		char **place;
	} members[] = {
		{"token", &ret->token},
		{"clientCertificateData", &ret->certificate_pem},
		{"clientKeyData", &ret->key_pem},
	};
	const char *expires = text_of(status, "expirationTimestamp");
	if (expires && parse_time(expires, &ret->expires) < 0)
		return error_set(err, -EBADMSG,
		                 "printed an expirationTimestamp that is no time of RFC 3339");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *text = text_of(status, members[i].key);
		*members[i].place = text ? strdup(text) : NULL;
		if (text && !*members[i].place)
			return error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/* The bytes may be secret and stay out of the error. */
static cJSON *parse_json(const char *text, size_t length)
{
	struct json_cursor cursor;
	struct json_slice slice;
	json_open(&cursor, NULL, text, length);
	if (json_skip(&cursor, &slice, NULL) < 0 || json_finish(&cursor, NULL) < 0)
		return NULL;
	return json_tree(&slice);
}

int kube_credential_parse(const char *text, size_t length, const char *api_version,
                          struct kube_credential *ret, struct error *err)
{
	struct kube_credential credential = {0};
	cJSON *object = parse_json(text, length);
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(object, "status");
	if (!object)
		return error_set(err, -EBADMSG,
		                 length > 0 ? "printed something that is not JSON"
		                            : "printed nothing");
	int r = check_object(object, api_version, err);
	if (r == 0)
		r = check_status(status, err);
	if (r == 0)
		r = take_status(status, &credential, err);
	cJSON_Delete(object);
	if (r < 0) {
		kube_credential_done(&credential);
		return r;
	}
	*ret = credential;
	return 0;
}

void kube_credential_done(struct kube_credential *credential)
{
	free(credential->token);
	free(credential->certificate_pem);
	free(credential->key_pem);
	*credential = (struct kube_credential){0};
}
