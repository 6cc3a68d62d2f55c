/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_REMOTE_PODS_H
#define PODSG_REMOTE_PODS_H

/*
 * The pods of other nodes, a hundred thousand and more: of each its name, its addresses and what
 * decides its groups: 180 bytes where it shares its labels with others, 310 where some are its own
 * as a StatefulSet's are, 360 where these are long. Part of the model. Who is a member of which
 * group follows when remote_pods_apply() is called, and costs what has changed.
 */

#include "common/error.h"
#include "nft-sync/model/members.h"
#include "nft-sync/resolve/pod_groups.h"

struct remote_pods;

struct remote_pods *remote_pods_new(void);          /* NULL: no memory */
void remote_pods_free(struct remote_pods *remotes); /* accepts NULL */

/* As in model.h. A pod that can be no member of any group is not kept. */
int remote_pods_put(struct remote_pods *remotes, const struct pod *pod, uint64_t digest,
                    struct error *err);
bool remote_pods_same(struct remote_pods *remotes, const char *namespace, const char *name,
                      uint64_t digest);
/* False: it was not there. */
bool remote_pods_remove(struct remote_pods *remotes, const char *namespace, const char *name);
bool remote_pods_has(const struct remote_pods *remotes, const char *namespace, const char *name);
size_t remote_pods_count(const struct remote_pods *remotes);
/* Rises when a pod comes, goes or changes. */
uint64_t remote_pods_generation(const struct remote_pods *remotes);

void remote_pods_begin(struct remote_pods *remotes);
size_t remote_pods_sweep(struct remote_pods *remotes); /* how many went */

/* Everything is worked out anew where the stamp is another one than last time; 0 is none. -ENOMEM:
 * the members are as they were, and the next call tries again. */
int remote_pods_apply(struct remote_pods *remotes, struct members *members,
                      const struct pod_groups_input *input, uint64_t stamp);

#endif
