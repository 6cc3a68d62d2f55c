/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "common/kube_config.h"
#include "common/kube_credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_info(const struct kube_config *config)
{
	char *text = NULL;

	/* What the fuzzer names must not be read. */
	if (config->ca_file)
		return;
	if (kube_exec_info(config, &text, NULL) < 0)
		abort();
	cJSON_free(text);
}

static void read_config(const char *text, size_t size)
{
	struct kube_config *config = NULL;
	struct error err = {0};
	int ret = kube_config_parse("d/f", text, size, &config, &err);

	if ((ret == 0) != (config != NULL) || (ret < 0) != (err.text[0] != '\0') || ret != err.code)
		abort();
	if (config && (!config->server || !config->user))
		abort();
	if (config && config->plugin)
		check_info(config);
	kube_config_free(config);
}

/* What a plugin prints is as hostile. */
static void read_credential(const char *text, size_t size)
{
	struct kube_credential credential = {0};
	struct error err = {0};
	int ret = kube_credential_parse(text, size, "client.authentication.k8s.io/v1", &credential,
	                                &err);

	if ((ret < 0) != (err.text[0] != '\0') || ret != err.code ||
	    (ret == 0) != (credential.token || credential.certificate_pem))
		abort();
	kube_credential_done(&credential);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_config((const char *)data, size);
	read_credential((const char *)data, size);
	return 0;
}
