/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dnscache/wire/dns.h"

struct number {
	uint16_t value;
	const char *text;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct number types[] = {
	{1, "A"},           {2, "NS"},          {5, "CNAME"},   {6, "SOA"},     {12, "PTR"},
	{13, "HINFO"},      {14, "MINFO"},      {15, "MX"},     {16, "TXT"},    {17, "RP"},
	{18, "AFSDB"},      {24, "SIG"},        {25, "KEY"},    {28, "AAAA"},   {29, "LOC"},
	{33, "SRV"},        {35, "NAPTR"},      {36, "KX"},     {37, "CERT"},   {39, "DNAME"},
	{41, "OPT"},        {42, "APL"},        {43, "DS"},     {44, "SSHFP"},  {45, "IPSECKEY"},
	{46, "RRSIG"},      {47, "NSEC"},       {48, "DNSKEY"}, {49, "DHCID"},  {50, "NSEC3"},
	{51, "NSEC3PARAM"}, {52, "TLSA"},       {53, "SMIMEA"}, {55, "HIP"},    {59, "CDS"},
	{60, "CDNSKEY"},    {61, "OPENPGPKEY"}, {62, "CSYNC"},  {63, "ZONEMD"}, {64, "SVCB"},
	{65, "HTTPS"},      {99, "SPF"},        {108, "EUI48"}, {109, "EUI64"}, {249, "TKEY"},
	{250, "TSIG"},      {251, "IXFR"},      {252, "AXFR"},  {255, "ANY"},   {256, "URI"},
	{257, "CAA"},       {32768, "TA"},      {32769, "DLV"},
};

static const struct number rcodes[] = {
	{0, "NOERROR"},  {1, "FORMERR"},  {2, "SERVFAIL"},  {3, "NXDOMAIN"},   {4, "NOTIMP"},
	{5, "REFUSED"},  {6, "YXDOMAIN"}, {7, "YXRRSET"},   {8, "NXRRSET"},    {9, "NOTAUTH"},
	{10, "NOTZONE"}, {16, "BADVERS"}, {17, "BADKEY"},   {18, "BADTIME"},   {19, "BADMODE"},
	{20, "BADNAME"}, {21, "BADALG"},  {22, "BADTRUNC"}, {23, "BADCOOKIE"},
};

static const struct number classes[] = {
	{1, "IN"}, {3, "CH"}, {4, "HS"}, {254, "NONE"}, {255, "ANY"},
};

static const char *number_text(const struct number *table, size_t count, uint16_t value,
                               const char *prefix, char *buffer)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].value == value)
			return table[i].text;
	(void)snprintf(buffer, DNS_NUMBER_TEXT_MAX, "%s%u", prefix, value);
	return buffer;
}

/* A name of the table, or the prefix and a number (RFC 3597 §5). */
static int number_parse(const struct number *table, size_t count, const char *text,
                        const char *prefix, uint16_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(table[i].text, text) == 0) {
			*ret = table[i].value;
			return 0;
		}
	}
	size_t length = strlen(prefix);
	if (strncasecmp(text, prefix, length) != 0)
		return -EINVAL;
	text += length;
	size_t digits = strspn(text, "0123456789");
	unsigned long value = digits < 6 ? strtoul(text, NULL, 10) : UINT16_MAX + 1ul;
	if (digits == 0 || text[digits] || value > UINT16_MAX)
		return -EINVAL;
	*ret = (uint16_t)value;
	return 0;
}

const char *dns_type_text(uint16_t type, char buffer[static DNS_NUMBER_TEXT_MAX])
{
	return number_text(types, COUNT(types), type, "TYPE", buffer);
}

const char *dns_rcode_text(uint16_t rcode, char buffer[static DNS_NUMBER_TEXT_MAX])
{
	return number_text(rcodes, COUNT(rcodes), rcode, "RCODE", buffer);
}

int dns_type_parse(const char *text, uint16_t *ret)
{
	return number_parse(types, COUNT(types), text, "TYPE", ret);
}

int dns_rcode_parse(const char *text, uint16_t *ret)
{
	return number_parse(rcodes, COUNT(rcodes), text, "RCODE", ret);
}

int dns_class_parse(const char *text, uint16_t *ret)
{
	return number_parse(classes, COUNT(classes), text, "CLASS", ret);
}
