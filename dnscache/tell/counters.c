/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/tell/counters.h"

const char *const count_source_names[COUNT_SOURCES] = {
	[COUNT_FROM_CACHE] = "cache", [COUNT_FROM_FORWARD] = "forward",
	[COUNT_FROM_HOSTS] = "hosts", [COUNT_FROM_TEMPLATE] = "template",
	[COUNT_FROM_US] = "",
};

const char *const refusal_names[REFUSALS] = {
	[REFUSAL_GROUPS] = "security-groups",
	[REFUSAL_STRICT] = "strict-mode",
	[REFUSAL_RATE] = "rate",
	[REFUSAL_OUTSTANDING] = "outstanding",
	[REFUSAL_ZONE] = "no-zone",
	[REFUSAL_RECURSION] = "no-recursion-desired",
};

const double count_size_bounds[COUNT_SIZES - 1] = {
	0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3,
};

static const struct {
	uint16_t type;
	const char *name;
} types[COUNT_TYPES - 1] = {
	{DNS_TYPE_A, "A"},           {DNS_TYPE_AAAA, "AAAA"},   {DNS_TYPE_CNAME, "CNAME"},
	{DNS_TYPE_DNSKEY, "DNSKEY"}, {DNS_TYPE_DS, "DS"},       {DNS_TYPE_MX, "MX"},
	{DNS_TYPE_NSEC, "NSEC"},     {DNS_TYPE_NSEC3, "NSEC3"}, {DNS_TYPE_NS, "NS"},
	{DNS_TYPE_PTR, "PTR"},       {DNS_TYPE_RRSIG, "RRSIG"}, {DNS_TYPE_SOA, "SOA"},
	{DNS_TYPE_SRV, "SRV"},       {DNS_TYPE_TXT, "TXT"},     {DNS_TYPE_HTTPS, "HTTPS"},
	{DNS_TYPE_IXFR, "IXFR"},     {DNS_TYPE_AXFR, "AXFR"},   {DNS_TYPE_ANY, "ANY"},
};

/* A and AAAA come first and are nearly all there is. */
unsigned count_type(uint16_t type)
{
	unsigned i = 0;
	while (i < COUNT_TYPES - 1 && types[i].type != type)
		i++;
	return i;
}

const char *count_type_name(unsigned index)
{
	return index < COUNT_TYPES - 1 && types[index].name ? types[index].name : "other";
}

void count_size(struct count_sizes *sizes, size_t bytes)
{
	unsigned i = 1;
	while (i < COUNT_SIZES - 1 && (double)bytes > count_size_bounds[i])
		i++;
	tally_add(&sizes->bucket[i], 1);
	tally_add(&sizes->sum, bytes);
}

void count_duration(struct zone_counters *zone, uint64_t microseconds, unsigned times)
{
	unsigned i = 0;
	for (uint64_t bound = 250; i < COUNT_DURATIONS - 1 && microseconds > bound; bound *= 2)
		i++;
	tally_add(&zone->duration[i], times);
	tally_add(&zone->duration_sum, microseconds * times);
}
