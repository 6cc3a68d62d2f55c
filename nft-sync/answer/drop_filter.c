/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/answer/drop_filter.h"

static bool wants(const char *wanted, const char *value)
{
	return !wanted[0] || strcmp(wanted, value) == 0;
}

bool drop_filter_matches(const struct drop_filter *filter, const struct drop_reason *reason,
                         const char *interface, const struct branch *branch)
{
	char pod[POD_NAME_MAX] = "";
	if (!wants(filter->direction, direction_name(reason->direction)) ||
	    !wants(filter->reason, reason->reason) || !wants(filter->interface, interface))
		return false;
	if (branch)
		snprintf(pod, sizeof(pod), "%s/%s", branch->namespace, branch->pod);
	return wants(filter->pod, pod);
}

/* A text that does not fit is none of ours. */
static int read_text(const cJSON *request, const char *key, char *ret, size_t size,
                     struct error *err)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(request, key);
	const char *text = cJSON_IsString(item) ? item->valuestring : "";
	if (item && (!cJSON_IsString(item) || strlen(text) >= size))
		return error_set(err, -EINVAL, "%s: expected a text of less than %zu bytes", key,
		                 size);
	snprintf(ret, size, "%s", text);
	return 0;
}

static int check_direction(const char *direction, const char **ret, struct error *err)
{
	for (enum direction d = DIRECTION_INGRESS; d <= DIRECTION_EGRESS; d++)
		if (strcmp(direction, direction_name(d)) == 0)
			*ret = direction_name(d);
	if (direction[0] && !(*ret)[0])
		return error_set(err, -EINVAL, "direction: expected ingress or egress");
	return 0;
}

static int check_reason(const char *reason, struct error *err)
{
	for (size_t i = 0; i < drop_reason_count; i++)
		if (wants(reason, drop_reasons[i].reason))
			return 0;
	return error_set(err, -EINVAL,
	                 "reason: expected rules, node-groups, source, path, closed or claimed");
}

int drop_filter_read(const cJSON *request, struct drop_filter *ret, struct error *err)
{
	char direction[16] = "";
	memset(ret, 0, sizeof(*ret));
	ret->direction = "";
	int r = read_text(request, "pod", ret->pod, sizeof(ret->pod), err);
	if (r == 0)
		r = read_text(request, "interface", ret->interface, sizeof(ret->interface), err);
	if (r == 0)
		r = read_text(request, "reason", ret->reason, sizeof(ret->reason), err);
	if (r == 0)
		r = read_text(request, "direction", direction, sizeof(direction), err);
	if (r == 0)
		r = check_direction(direction, &ret->direction, err);
	if (r == 0)
		r = check_reason(ret->reason, err);
	if (r == 0 && ret->pod[0] && !strchr(ret->pod, '/'))
		r = error_set(err, -EINVAL, "pod: expected NAMESPACE/NAME");
	return r;
}
