/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_COMMANDS_H
#define PODSG_COMMANDS_H

/* What podsgctl can ask: {"command":"status"|"pods"|"groups"|"explain"|"ends"|"services", …}. What
 * is answered by more than one line, monitor, is drop_monitor.h's; what is answered later, attach,
 * is attach.h's. */

#include "nft-sync/sync.h"

#include <cjson/cJSON.h>

/* Always an object with "ok"; the caller deletes it. NULL: no memory. */
cJSON *command_answer(struct sync *sync, const cJSON *request);

#endif
