/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "common/aws_credentials.h"
#include "common/aws_profile.h"

#define ROLE_PATH "meta-data/iam/security-credentials/"
#define ROLE_MAX 128
#define REFRESH_BEFORE 300 /* seconds before their end: IMDS has new ones by then */
#define REFRESH_PACE 60    /* seconds between two attempts to renew keys that still work */
#define EXPIRY_RESERVE 10  /* seconds: of our clock, and of the way */

struct aws_credentials {
	struct imds *imds;
	struct imds_call *call;
	void (*ready)(void *context, const struct error *failure);
	void *context;
	char role[ROLE_MAX + 1];
	struct aws_keys found; /* environment, profile */
	struct aws_keys kept;  /* of the role; expires 0: none */
	time_t tried;          /* when they were fetched, or should have been */
};

static bool is_key(const char *text)
{
	size_t length = 0;
	while (text[length] > ' ' && text[length] < 0x7f)
		length++;
	return length > 0 && text[length] == '\0';
}

static int take(char *into, size_t size, const char *text, const char *what, struct error *err)
{
	if (!is_key(text) || strlen(text) >= size)
		return error_set(err, -EINVAL,
		                 "%s: expected at most %zu printable characters without spaces",
		                 what, size - 1);
	memcpy(into, text, strlen(text) + 1);
	return 0;
}

/* token may be NULL. */
static int take_keys(struct aws_keys *keys, const char *access, const char *secret,
                     const char *token, const char *origin, struct error *err)
{
	*keys = (struct aws_keys){0};
	snprintf(keys->origin, sizeof(keys->origin), "%s", origin);
	int r = take(keys->access_key, sizeof(keys->access_key), access, "access key id", err);
	if (r == 0)
		r = take(keys->secret_key, sizeof(keys->secret_key), secret, "secret access key",
		         err);
	if (r == 0 && token)
		r = take(keys->session_token, sizeof(keys->session_token), token, "session token",
		         err);
	if (r < 0)
		error_wrap(err, "%s", origin);
	return r;
}

/* -ENOENT: not there. */
static int from_environment(struct aws_keys *ret, struct error *err)
{
	const char *access = aws_environment("AWS_ACCESS_KEY_ID");
	const char *secret = aws_environment("AWS_SECRET_ACCESS_KEY");
	if (!access && !secret)
		return -ENOENT;
	if (!access || !secret)
		return error_set(err, -EINVAL, "AWS_%s is set but AWS_%s is not",
		                 access ? "ACCESS_KEY_ID" : "SECRET_ACCESS_KEY",
		                 access ? "SECRET_ACCESS_KEY" : "ACCESS_KEY_ID");
	return take_keys(ret, access, secret, aws_environment("AWS_SESSION_TOKEN"),
	                 "the environment", err);
}

/* A profile without keys of its own may get them in a way that we don't go. */
static int without_keys(const struct aws_profile *profile, struct error *err)
{
	static const char *const ways[] = {"role_arn", "credential_process", "sso_session",
	                                   "sso_start_url", "credential_source"};
	char value[AWS_PROFILE_VALUE_MAX];
	enum aws_file file;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (aws_profile_value(profile, ways[i], value, &file) != -ENOENT)
			return error_set(err, -ENOTSUP,
			                 "%s: profile %.64s: %s is not supported: give it "
			                 "aws_access_key_id and aws_secret_access_key",
			                 profile->paths[file], profile->name, ways[i]);
	if (profile->chosen && !profile->found)
		return error_set(err, -ENOKEY, "profile %.64s, which AWS_PROFILE names: not in %s",
		                 profile->name, profile->paths[AWS_FILE_CREDENTIALS]);
	return -ENOENT;
}

static int keys_of(const struct aws_profile *profile, struct aws_keys *ret, struct error *err)
{
	char access[AWS_PROFILE_VALUE_MAX];
	char secret[AWS_PROFILE_VALUE_MAX];
	char token[AWS_PROFILE_VALUE_MAX];
	char origin[AWS_KEY_MAX];
	enum aws_file file;
	if (aws_profile_value(profile, "aws_access_key_id", access, &file) == -ENOENT)
		return without_keys(profile, err);
	snprintf(origin, sizeof(origin), "%.128s, profile %.64s", profile->paths[file],
	         profile->name);
	if (aws_profile_value(profile, "aws_secret_access_key", secret, &file) < 0)
		return error_set(err, -EINVAL, "%s: aws_secret_access_key is missing", origin);
	int r = aws_profile_value(profile, "aws_session_token", token, &file);
	if (r < 0 && r != -ENOENT)
		return error_set(err, r, "%s: aws_session_token is too long", origin);
	r = take_keys(ret, access, secret, r == 0 ? token : NULL, origin, err);
	explicit_bzero(secret, sizeof(secret));
	return r;
}

static int from_profile(struct aws_keys *ret, struct error *err)
{
	struct aws_profile profile;
	int r = aws_profile_open(&profile, err);
	if (r < 0)
		return r;
	r = keys_of(&profile, ret, err);
	aws_profile_done(&profile);
	return r;
}

static const char *member(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
	return text ? text : "";
}

static int64_t parse_expiry(const char *text)
{
	struct tm time = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &time);
	return end && end[0] == 'Z' ? timegm(&time) : 0;
}

static int keys_of_tree(const cJSON *tree, struct aws_keys *ret, struct error *err)
{
	const char *code = member(tree, "Code");
	if (code[0] && strcmp(code, "Success") != 0)
		return error_set(err, -ENOKEY, "IMDS has no keys for the role: %.64s: %.200s", code,
		                 member(tree, "Message"));
	int64_t expires = parse_expiry(member(tree, "Expiration"));
	if (expires <= 0)
		return error_set(err, -EPROTO, "IMDS: the role's keys have no Expiration");
	int r = take_keys(ret, member(tree, "AccessKeyId"), member(tree, "SecretAccessKey"),
	                  member(tree, "Token"), "IMDS", err);
	ret->expires = expires;
	return r;
}

int aws_keys_parse(const char *text, struct aws_keys *ret, struct error *err)
{
	cJSON *tree = cJSON_Parse(text);
	if (!tree)
		return error_set(err, -EPROTO, "IMDS: the role's keys are no JSON");
	int r = keys_of_tree(tree, ret, err);
	cJSON_Delete(tree);
	return r;
}

/* The sentence for somebody who has set up nothing, or only the role. */
static void explain_failure(struct error *failure)
{
	if (failure->code == -EHOSTUNREACH)
		error_wrap(failure, "no AWS credentials: none in the environment, none in the "
		                    "shared files");
	else
		error_wrap(failure, "AWS credentials of the instance's role");
}

static void fetch_over(struct aws_credentials *credentials, struct error *failure)
{
	credentials->call = NULL;
	if (failure && failure->code)
		explain_failure(failure);
	credentials->ready(credentials->context, failure && failure->code ? failure : NULL);
}

static void got_keys(void *context, const struct imds_answer *answer)
{
	struct aws_credentials *credentials = context;
	struct error failure = answer->error;
	struct aws_keys keys;
	if (!failure.code && aws_keys_parse(answer->text, &keys, &failure) == 0) {
		snprintf(keys.origin, sizeof(keys.origin), "the instance's role %s",
		         credentials->role);
		if (keys.expires - EXPIRY_RESERVE > time(NULL))
			credentials->kept = keys;
		else
			error_set(&failure, -EKEYEXPIRED,
			          "IMDS gives keys of the role %s that have expired, by the clock "
			          "of this node",
			          credentials->role);
		explicit_bzero(&keys, sizeof(keys));
	}
	fetch_over(credentials, &failure);
}

static int ask_keys(struct aws_credentials *credentials, const char *roles, struct error *err)
{
	char path[sizeof(ROLE_PATH) + ROLE_MAX];
	size_t length = strcspn(roles, "\r\n");
	snprintf(credentials->role, sizeof(credentials->role), "%.*s",
	         (int)(length < sizeof(credentials->role) ? length : 0), roles);
	if (!is_key(credentials->role) || strpbrk(credentials->role, "/?#%"))
		return error_set(err, -EPROTO, "IMDS: the name of the role is none");
	snprintf(path, sizeof(path), "%s%s", ROLE_PATH, credentials->role);
	return imds_get(credentials->imds, path, got_keys, credentials, &credentials->call, err);
}

static void got_role(void *context, const struct imds_answer *answer)
{
	struct aws_credentials *credentials = context;
	struct error failure = {0};
	if (answer->error.code == -ENOENT)
		error_set(&failure, -ENOKEY,
		          "none: the instance has no role: attach an instance profile");
	else
		failure = answer->error;
	if (failure.code || ask_keys(credentials, answer->text, &failure) < 0)
		fetch_over(credentials, &failure);
}

static int fetch(struct aws_credentials *credentials, struct error *err)
{
	struct error failure = {0};
	if (credentials->call)
		return 0;
	credentials->tried = time(NULL);
	int r = imds_get(credentials->imds, ROLE_PATH, got_role, credentials, &credentials->call,
	                 &failure);
	if (r < 0) {
		explain_failure(&failure);
		error_set(err, r, "%s", failure.text);
	}
	return r;
}

static int from_role(struct aws_credentials *credentials, const struct aws_keys **ret,
                     struct error *err)
{
	time_t now = time(NULL);
	int64_t left = credentials->kept.expires - now;
	if (left <= EXPIRY_RESERVE) {
		int r = fetch(credentials, err);
		return r < 0 ? r : -EINPROGRESS;
	}
	if (left <= REFRESH_BEFORE && now - credentials->tried >= REFRESH_PACE)
		(void)fetch(credentials, NULL);
	*ret = &credentials->kept;
	return 0;
}

int aws_credentials_open(struct imds *imds,
                         void (*ready)(void *context, const struct error *failure), void *context,
                         struct aws_credentials **ret, struct error *err)
{
	struct aws_credentials *credentials = calloc(1, sizeof(*credentials));
	if (!credentials)
		return error_set(err, -ENOMEM, "out of memory");
	credentials->imds = imds;
	credentials->ready = ready;
	credentials->context = context;
	*ret = credentials;
	return 0;
}

void aws_credentials_close(struct aws_credentials *credentials)
{
	if (!credentials)
		return;
	imds_cancel(credentials->call);
	explicit_bzero(credentials, sizeof(*credentials));
	free(credentials);
}

int aws_credentials_find(struct aws_credentials *credentials, const struct aws_keys **ret,
                         struct error *err)
{
	int r = from_environment(&credentials->found, err);
	if (r == -ENOENT)
		r = from_profile(&credentials->found, err);
	if (r == -ENOENT)
		return from_role(credentials, ret, err);
	if (r == 0)
		*ret = &credentials->found;
	return r;
}

void aws_credentials_reject(struct aws_credentials *credentials)
{
	credentials->kept = (struct aws_keys){0};
}

bool aws_region_is_valid(const char *region)
{
	size_t length = strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return length > 0 && length < AWS_REGION_MAX && region[length] == '\0';
}

static int region_of_profile(char ret[static AWS_PROFILE_VALUE_MAX], struct error *err)
{
	struct aws_profile profile;
	enum aws_file file;
	int r = aws_profile_open(&profile, err);
	if (r < 0)
		return r;
	r = aws_profile_value(&profile, "region", ret, &file);
	aws_profile_done(&profile);
	return r;
}

int aws_region_find(char ret[static AWS_REGION_MAX], struct error *err)
{
	char value[AWS_PROFILE_VALUE_MAX];
	const char *region = aws_environment("AWS_REGION");
	if (!region)
		region = aws_environment("AWS_DEFAULT_REGION");
	if (!region) {
		int r = region_of_profile(value, err);
		if (r < 0)
			return r;
		region = value;
	}
	if (!aws_region_is_valid(region))
		return error_set(err, -EINVAL, "\"%.64s\": not the name of an AWS region", region);
	memcpy(ret, region, strlen(region) + 1);
	return 0;
}
