/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>

#include "common/netlink.h"
#include "nft-sync/host/host.h"
#include "nft-sync/host/host_rtnetlink.h"

#define REQUEST_SIZE 256

struct route_answer {
	uint8_t type;
	unsigned index;
};

static int read_answer(const struct nlmsghdr *message, void *data)
{
	struct route_answer *answer = data;
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*route)))
		return MNL_CB_OK;
	answer->type = route->rtm_type;
	answer->index = rtnetlink_first_hop(message);
	return MNL_CB_OK;
}

static struct nlmsghdr *route_request(char *buffer, const struct prefix *destination,
                                      const struct prefix *source, unsigned in_index, uint32_t mark)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct rtmsg *header;
	size_t size = destination->family == AF_INET ? 4 : 16;

	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->rtm_family = destination->family;
	header->rtm_dst_len = destination->length;
	mnl_attr_put(message, RTA_DST, size, destination->address);
	if (source != NULL && source->family == destination->family) {
		header->rtm_src_len = source->length;
		mnl_attr_put(message, RTA_SRC, size, source->address);
	}
	if (in_index != 0)
		mnl_attr_put_u32(message, RTA_IIF, in_index);
	if (mark != 0)
		mnl_attr_put_u32(message, RTA_MARK, mark);
	return message;
}

int host_route(const struct host *host, const struct prefix *destination,
               const struct prefix *source, const char *in_interface, uint32_t mark,
               char ret[static INTERFACE_NAME_MAX], struct error *err)
{
	const struct host_link *in = host_link(host, in_interface);
	alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct route_answer answer = {0};
	char text[PREFIX_TEXT_MAX];
	struct netlink netlink;
	const struct host_link *out;
	int code;

	if (in == NULL && in_interface[0] != '\0')
		return error_set(err, -ENODEV, "no interface %s", in_interface);
	code = netlink_open(&netlink, NETLINK_ROUTE, err);
	if (code < 0)
		return code;
	(void)prefix_text(destination, text);
	code = netlink_query(
		&netlink,
		route_request(buffer, destination, source, in != NULL ? in->index : 0, mark),
		read_answer, &answer);
	netlink_close(&netlink);
	if (code < 0)
		return error_set(err, code, "route to %s: %s", text, strerror(-code));
	ret[0] = '\0';
	if (answer.type == RTN_LOCAL)
		return 0;
	out = host_link_numbered(host, answer.index);
	if (out == NULL)
		return error_set(err, -ENETUNREACH, "route to %s: none", text);
	memcpy(ret, out->name, INTERFACE_NAME_MAX);
	return 0;
}
