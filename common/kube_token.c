/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/kube_config.h"
#include "common/kube_token.h"

static void set(struct kube_token *token, char *text)
{
	kube_token_done(token);
	token->text = text;
}

static int read_token(struct kube_token *token, struct error *err)
{
	char *text = NULL;
	size_t length = 0;
	int r = file_read(token->path, KUBE_TOKEN_MAX, &text, &length, err);
	if (r < 0)
		return r;
	while (length > 0 && (unsigned char)text[length - 1] <= ' ')
		text[--length] = '\0';
	if (strlen(text) != length || !kube_token_is_valid(text)) {
		free(text);
		return error_set(err, -EBADMSG, "%s: expected one token and nothing else",
		                 token->path);
	}
	set(token, text);
	return 0;
}

int kube_token_refresh(struct kube_token *token, bool anew, struct error *err)
{
	struct error failure = {0};
	struct file_identity now = {0};
	bool known = file_identity_of(token->path, &now) == 0 && token->text;
	if (known && !anew && file_identity_equal(&now, &token->seen))
		return 0;
	if (read_token(token, &failure) == 0)
		token->seen = now;
	else if (!token->text)
		return error_set(err, failure.code, "%s", failure.text);
	return 0;
}

void kube_token_done(struct kube_token *token)
{
	free(token->text);
	token->text = NULL;
}
