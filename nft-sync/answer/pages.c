/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/exposition.h"
#include "nft-sync/answer/health.h"
#include "nft-sync/answer/pages.h"

static void answer_index(struct http_reply *reply)
{
	reply->body = strdup("podsg-nft-sync " PODSG_VERSION "\n"
	                     "/metrics  for Prometheus\n"
	                     "/healthz  200 where the kernel holds what it should, else 503\n");
	reply->length = reply->body ? strlen(reply->body) : 0;
	reply->status = reply->body ? 200 : 500;
}

static void answer_health(const struct sync *sync, struct http_reply *reply)
{
	bool healthy = false;
	reply->body = health_text(sync, &healthy);
	reply->length = reply->body ? strlen(reply->body) : 0;
	reply->status = healthy ? 200 : 503;
}

static void answer_metrics(const struct sync *sync, struct metrics *metrics, uint64_t now,
                           struct http_reply *reply)
{
	reply->body = metrics_page(metrics, sync, now, &reply->length);
	reply->status = reply->body ? 200 : 500;
	if (reply->body)
		reply->type = EXPOSITION_TYPE;
	else
		reply->length = 0;
}

void page_answer(const struct sync *sync, struct metrics *metrics, uint64_t now, const char *path,
                 struct http_reply *reply)
{
	if (strcmp(path, "/metrics") == 0)
		answer_metrics(sync, metrics, now, reply);
	else if (strcmp(path, "/healthz") == 0)
		answer_health(sync, reply);
	else if (strcmp(path, "/") == 0)
		answer_index(reply);
}
