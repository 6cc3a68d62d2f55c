/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_HOST_LEFTOVERS_H
#define PODSG_GC_HOST_LEFTOVERS_H

/*
 * What the kernel holds that no attachment of the journal explains: of pods that were set up before
 * podsg came, or whose file was lost. The VPC CNI makes a pod's things one after the other, so that
 * for a moment a living pod's look like these: nobody is to believe a single look.
 */

#include "hooks/eni-gc/gc_host_evidence.h"
#include "hooks/eni-gc/gc_host_sight.h"

#include <limits.h>

#define GC_NO_DEVICE ((unsigned)INT_MAX) /* as the index of a device: none */

enum gc_thing {
	GC_DEVICE,         /* vlan.eth.N */
	GC_INTERFACE_RULE, /* at 10, lookup 100 + N */
	GC_FROM_RULE,      /* at 1536, lookup 100 + N */
	GC_TO_RULE,        /* at 512, lookup main */
};

struct gc_leftover {
	enum gc_thing thing;
	unsigned vlan;               /* 0 of a GC_TO_RULE */
	char name[16];               /* of the device, or of the rule's interface */
	unsigned index;              /* of the device */
	struct prefix address;       /* of the other rules */
	char text[NETWORK_TEXT_MAX]; /* what a person calls it */
	struct gc_judgement judgement;
};

/*
 * Pushed to ret, by VLAN. The sight's attachments have been judged. A device is there in any case,
 * unless an attachment explains it; a rule only where it does not live. What an attachment that is
 * gone explains is not there: its own clean-up comes first. -ENOMEM.
 */
int gc_leftovers_find(const struct gc_sight *sight, const struct gc_evidence *evidence,
                      struct vector *ret, struct error *err);

/* What is gone in later, but was not, or was not the very same thing, in earlier, becomes
 * doubtful. */
void gc_leftovers_confirm(const struct vector *earlier, struct vector *later);

/* What of a VLAN is gone, from *at on and as much as one attachment holds, as clean_up() takes it.
 * *at moves behind it. False: there is no more. boot: of the sight. */
bool gc_leftovers_gather(const struct vector *leftovers, unsigned vlan, size_t *at,
                         const char *boot, struct attachment *ret);

#endif
