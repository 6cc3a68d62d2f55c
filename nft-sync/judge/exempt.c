/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>

#include "nft-sync/judge/judge.h"

#define DNS_PORT 53

/* 169.254.x.y and fd00:ec2::xy: where EC2 offers what it never filters. */
#define LINK_LOCAL(x, y) .address = {AF_INET, 32, {169, 254, x, y}}
#define UNIQUE_LOCAL(x, y) .address = {AF_INET6, 128, {0xfd, 0, 0x0e, 0xc2, [14] = (x), [15] = (y)}}

static const struct exempt_service fixed_services[] = {
	{EXEMPT_IMDS, LINK_LOCAL(169, 254), IPPROTO_TCP, 80},
	{EXEMPT_IMDS, UNIQUE_LOCAL(0x02, 0x54), IPPROTO_TCP, 80},
	{EXEMPT_VPC_DNS, LINK_LOCAL(169, 253), IPPROTO_UDP, DNS_PORT},
	{EXEMPT_VPC_DNS, LINK_LOCAL(169, 253), IPPROTO_TCP, DNS_PORT},
	{EXEMPT_VPC_DNS, UNIQUE_LOCAL(0x02, 0x53), IPPROTO_UDP, DNS_PORT},
	{EXEMPT_VPC_DNS, UNIQUE_LOCAL(0x02, 0x53), IPPROTO_TCP, DNS_PORT},
	{EXEMPT_TIME, LINK_LOCAL(169, 123), IPPROTO_UDP, 123},
	{EXEMPT_TIME, UNIQUE_LOCAL(0x01, 0x23), IPPROTO_UDP, 123},
	{EXEMPT_POD_IDENTITY, LINK_LOCAL(170, 23), IPPROTO_TCP, 80},
	{EXEMPT_POD_IDENTITY, UNIQUE_LOCAL(0x00, 0x23), IPPROTO_TCP, 80},
	{EXEMPT_ECS, LINK_LOCAL(170, 2), IPPROTO_TCP, 80},
};
#define FIXED_SERVICES (sizeof(fixed_services) / sizeof(fixed_services[0]))

static const uint8_t dns_protocols[] = {IPPROTO_UDP, IPPROTO_TCP};
#define DNS_PROTOCOLS (sizeof(dns_protocols) / sizeof(dns_protocols[0]))

/* Services are numbered: the fixed ones first, then those that the VPC CIDRs make.
 * False where the number's service is switched off or does not exist. */
static bool service_at(const struct resolution *resolution, size_t number,
                       struct exempt_service *ret)
{
	if (number < FIXED_SERVICES) {
		*ret = fixed_services[number];
		return resolution->config->exempt[ret->exemption];
	}
	number -= FIXED_SERVICES;

	const struct prefix *vpc = &resolution->vpc_cidrs[number / DNS_PROTOCOLS];

	if (vpc->family != AF_INET || vpc->length > 30)
		return false;
	*ret = (struct exempt_service){EXEMPT_VPC_DNS, *vpc, dns_protocols[number % DNS_PROTOCOLS],
	                               DNS_PORT};
	ret->address.length = 32;
	ret->address.address[3] |= 2;
	return resolution->config->exempt[EXEMPT_VPC_DNS];
}

static size_t service_numbers(const struct resolution *resolution)
{
	return FIXED_SERVICES + resolution->vpc_cidr_count * DNS_PROTOCOLS;
}

static bool service_is(const struct exempt_service *service, const struct prefix *address,
                       uint8_t protocol, uint16_t port)
{
	return service->protocol == protocol && service->port == port &&
	       prefix_equal(&service->address, address);
}

bool exempt_service_find(const struct resolution *resolution, const struct prefix *address,
                         uint8_t protocol, uint16_t port, enum exemption *ret)
{
	struct exempt_service service;

	for (size_t i = 0; i < service_numbers(resolution); i++) {
		if (!service_at(resolution, i, &service) ||
		    !service_is(&service, address, protocol, port))
			continue;
		*ret = service.exemption;
		return true;
	}
	return false;
}

static bool is_listed(const struct exempt_service *services, size_t count,
                      const struct exempt_service *service)
{
	for (size_t i = 0; i < count; i++) {
		if (service_is(&services[i], &service->address, service->protocol, service->port))
			return true;
	}
	return false;
}

size_t exempt_services(const struct resolution *resolution, struct arena *arena,
                       struct exempt_service **ret)
{
	size_t count = 0;
	struct exempt_service *services =
		arena_array(arena, service_numbers(resolution), sizeof(*services));

	*ret = services;
	if (services == NULL)
		return 0;
	for (size_t i = 0; i < service_numbers(resolution); i++) {
		if (service_at(resolution, i, &services[count]) &&
		    !is_listed(services, count, &services[count]))
			count++;
	}
	return count;
}
