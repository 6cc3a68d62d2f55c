/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libnftnl/expr.h>

#include "nft-sync/digest.h"
#include "nft-sync/kernel/nft_digest.h"
#include "nft-sync/kernel/nft_expression.h"

static int digest_expression(struct nftnl_expr *e, void *data)
{
	uint64_t *digest = data;
	char text[512] = "";
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	*digest = digest_text(*digest, name);
	if (strcmp(name, "counter") != 0 && nftnl_expr_snprintf(text, sizeof(text), e, 0, 0) >= 0)
		*digest = digest_text(*digest, text);
	return 0;
}

uint64_t nft_rule_digest(const struct nftnl_rule *rule, uint64_t digest)
{
	uint64_t next = digest_text(digest ^ DIGEST_START, "rule");
	/* libnftnl's iterator takes a rule it may change; digest_expression() changes nothing. */
	nftnl_expr_foreach((struct nftnl_rule *)(uintptr_t)rule, digest_expression, &next);
	return next;
}

int nft_chain_digest(struct image_chain *chain)
{
	uint64_t digest = 0;
	for (size_t i = 0; !chain->digested && i < chain->rule_count; i++) {
		struct nftnl_rule *rule = nft_rule_make(&chain->rules[i], "", chain->name);
		if (!rule)
			return -ENOMEM;
		digest = nft_rule_digest(rule, digest);
		nftnl_rule_free(rule);
	}
	if (!chain->digested)
		chain->digest = digest;
	chain->digested = true;
	return 0;
}
