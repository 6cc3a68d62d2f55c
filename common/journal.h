/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_JOURNAL_H
#define PODSG_JOURNAL_H

/*
 * The journal: what podsg-cni saw when a sandbox got its network, one file an attachment, named
 * SANDBOX:IFNAME.json (neither part can hold a colon). It is written before anything is promised
 * and removed when nothing of the sandbox is left, so that it knows what the API server, the
 * runtime and the CNI's own result may have forgotten.
 *
 * A new file is written beside, synced, and renamed into place. Later on only its state changes, in
 * place. Neither the rename nor that is synced: what a power cut takes back is of an older boot.
 * A file that cannot be read is nobody's: it is reported, never guessed at and never deleted by a
 * reader.
 */

#include "common/address.h"
#include "common/config.h"
#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

#define JOURNAL_SANDBOX_MAX 128      /* characters of CNI_CONTAINERID */
#define JOURNAL_FILE_MAX (16U << 10) /* bytes */
#define JOURNAL_FILES_MAX 8192
#define ATTACHMENT_ADDRESSES_MAX 8
#define BOOT_ID_SIZE 37

enum attachment_state {
	ATTACHMENT_ADDING,     /* ADD has not yet been told that the rules are in force */
	ATTACHMENT_READY,      /* enforced, or known to be unmanaged */
	ATTACHMENT_UNFILTERED, /* failurePolicy: ignore let the pod pass without an answer */
	ATTACHMENT_GONE,       /* DEL came; left says what it could not do */
};

/* Strings are "" and numbers 0 where nothing is known. */
struct attachment {
	char sandbox[JOURNAL_SANDBOX_MAX + 1]; /* CNI_CONTAINERID */
	char ifname[16];                       /* CNI_IFNAME, in the pod */
	char boot[BOOT_ID_SIZE];
	char namespace[64];
	char pod[254];
	char uid[64]; /* K8S_POD_UID; a static pod's is not that of its mirror */
	char netns[256];
	char interface[16];       /* the host's end of the pod's veth */
	unsigned interface_index; /* tells it from a later one of the same name */
	char device[16];          /* "vlan.eth.3" */
	unsigned device_index;
	unsigned vlan;
	enum mode mode;
	struct prefix addresses[ATTACHMENT_ADDRESSES_MAX];
	size_t address_count;
	int64_t created; /* milliseconds since 1970, never the same twice in one journal */
	enum attachment_state state;
	char left[256]; /* why a clean-up is not complete */
};

/* The text of one file. -EBADMSG with file and rule. */
int attachment_parse(const char *file, const char *text, size_t length, struct attachment *ret,
                     struct error *err);
/* The caller frees it. Control characters of left are replaced; elsewhere they are -EINVAL. */
int attachment_text(const struct attachment *attachment, char **ret, struct error *err);
/* -ENAMETOOLONG, -EINVAL: what a runtime may not call a sandbox or an interface. */
int attachment_check_name(const char *sandbox, const char *ifname, struct error *err);
const char *attachment_state_name(enum attachment_state state);

/* -ENAMETOOLONG, -EINVAL: what a runtime may not call a sandbox or an interface. */
int journal_write(const char *directory, const struct attachment *attachment, struct error *err);
/* The same for an attachment that is there, in another state; where its text has become too long,
 * or it is not there after all, it is written as a new one. */
int journal_update(const char *directory, const struct attachment *attachment, struct error *err);
/* -ENOENT: there is none. */
int journal_read(const char *directory, const char *sandbox, const char *ifname,
                 struct attachment *ret, struct error *err);
/* 0 also where there is none. */
int journal_remove(const char *directory, const char *sandbox, const char *ifname,
                   struct error *err);

/*
 * Every attachment, in no order; broken files go to broken() and do not end the walk. A directory
 * that does not exist holds nothing. A callback's negative value ends the walk and is returned.
 */
struct journal_visitor {
	int (*attachment)(void *context, const struct attachment *attachment);
	void (*broken)(void *context, const char *file, const struct error *err); /* or NULL */
	void *context;
};
int journal_walk(const char *directory, const struct journal_visitor *visitor, struct error *err);
/* Without most of those that were made before, by the times of their files; created: milliseconds
 * as in struct attachment, 0 leaves none out. */
int journal_walk_newer(const char *directory, int64_t created,
                       const struct journal_visitor *visitor, struct error *err);

/*
 * One holder at a time among all processes, so that a clean-up and the ADD of a newer owner do not
 * judge by each other's half. Now and then sweeps what writers that were killed have left. Returns
 * a descriptor to close, -ETIMEDOUT after milliseconds, or what makes a lock impossible (-EROFS,
 * -ENOSPC).
 */
int journal_lock(const char *directory, unsigned milliseconds, struct error *err);

/*
 * A time for created: the clock's, and later than any that was given under this lock before, even
 * if the clock was set back. lock is what journal_lock() returned; negative: the clock alone.
 */
int64_t journal_stamp(int lock);

/* Of this boot. */
int boot_id_read(char ret[static BOOT_ID_SIZE], struct error *err);

#endif
