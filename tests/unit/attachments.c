/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/attachments.h"

struct attachment example_attachment(void)
{
	struct attachment attachment = {
		.sandbox = SANDBOX,
		.ifname = "eth0",
		.boot = BOOT,
		.namespace = "default",
		.pod = "web-0",
		.uid = "7d0f2c9e-1a6b-4a55-a1f7-0d7a7f7b3c11",
		.netns = "/run/netns/cni-1",
		.interface = "vlane34aba5891b",
		.interface_index = 12,
		.device = "vlan.eth.3",
		.device_index = 13,
		.vlan = 3,
		.mode = MODE_STANDARD,
		.address_count = 2,
		.created = 1790000000123,
		.state = ATTACHMENT_READY,
	};
	assert_int_equal(address_parse("10.0.0.5", &attachment.addresses[0]), 0);
	assert_int_equal(address_parse("2001:db8::5", &attachment.addresses[1]), 0);
	return attachment;
}
