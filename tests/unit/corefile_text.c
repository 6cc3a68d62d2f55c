/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/corefile_text.h"

const struct corefile_values corefile_text_values = {
	.cluster_dns = "10.96.0.10 10.96.0.11",
	.local_dns = "169.254.20.10 fd00::10",
	.upstream_servers = "192.0.2.1 192.0.2.2",
	.domain = "cluster.local",
	.port = 53,
};

struct corefile *corefile_text_read_with(const char *text, const struct corefile_values *values)
{
	struct corefile *corefile = NULL;
	struct error err = {0};

	if (corefile_parse("Corefile", "/etc", text, strlen(text), values, &corefile, &err) < 0)
		fail_msg("%s", err.text);
	return corefile;
}

struct corefile *corefile_text_read(const char *text)
{
	return corefile_text_read_with(text, &corefile_text_values);
}

const struct server_block *corefile_text_block(const char *body, struct corefile **ret)
{
	char text[4096];

	assert_true(snprintf(text, sizeof(text), ".:53 {\n%s\n}\n", body) < (int)sizeof(text));
	*ret = corefile_text_read(text);
	assert_int_equal((*ret)->block_count, 1);
	return (*ret)->blocks;
}

void corefile_text_refused(const char *text, const char *message)
{
	struct corefile *corefile = NULL;
	struct error err = {0};

	if (corefile_parse("Corefile", "/etc", text, strlen(text), &corefile_text_values, &corefile,
	                   &err) == 0)
		fail_msg("accepted: %s", text);
	assert_null(corefile);
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, -EINVAL);
}

const char *corefile_text_name(const struct dns_name *name)
{
	static char buffers[4][DNS_NAME_TEXT_MAX];
	static unsigned turn;

	return dns_name_text(name, buffers[turn++ % 4]);
}
