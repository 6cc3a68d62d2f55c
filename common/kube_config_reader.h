/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_KUBE_CONFIG_READER_H
#define PODSG_KUBE_CONFIG_READER_H

/* What the two files that read a kubeconfig share. */

#include <cjson/cJSON.h>

#include "common/kube_config.h"

#define KUBE_CONFIG_ITEM_SIZE 192

/* Errors are sticky: after the first one nothing is read any more. */
struct kube_config_reader {
	struct kube_config *config;
	size_t directory; /* length of the file's, with its '/' */
	struct error *err;
	int failed;
	bool read; /* a document was seen */
};

/* An object of the file, and what leads to it. */
struct kube_config_place {
	const cJSON *tree; /* NULL: it is not there */
	char item[KUBE_CONFIG_ITEM_SIZE];
};

void kube_config_refuse(struct kube_config_reader *reader, const cJSON *tree, const char *item,
                        const char *value, const char *rule, ...)
	__attribute__((format(printf, 5, 6)));
void kube_config_refuse_member(struct kube_config_reader *reader,
                               const struct kube_config_place *place, const char *key,
                               const char *rule);
void kube_config_no_memory(struct kube_config_reader *reader);

/* A member that is null is not there, nor is text that is empty: NULL. */
const cJSON *kube_config_member(const struct kube_config_place *place, const char *key);
struct kube_config_place kube_config_child(struct kube_config_reader *reader,
                                           const struct kube_config_place *place, const char *key);
const cJSON *kube_config_list(struct kube_config_reader *reader,
                              const struct kube_config_place *place, const char *key);
const char *kube_config_text(struct kube_config_reader *reader,
                             const struct kube_config_place *place, const char *key);
bool kube_config_flag(struct kube_config_reader *reader, const struct kube_config_place *place,
                      const char *key);

/* In the arena. */
const char *kube_config_copy(struct kube_config_reader *reader, const char *text);
const char *kube_config_copied(struct kube_config_reader *reader,
                               const struct kube_config_place *place, const char *key);
const char *kube_config_from_here(struct kube_config_reader *reader, const char *path);
const char *kube_config_path(struct kube_config_reader *reader,
                             const struct kube_config_place *place, const char *key);
const char *kube_config_pem(struct kube_config_reader *reader,
                            const struct kube_config_place *place, const char *key);

/* kube_config_user.c: certificate, token, plugin. */
void kube_config_read_user(struct kube_config_reader *reader, const struct kube_config_place *user);

#endif
