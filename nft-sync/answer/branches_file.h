/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_BRANCHES_FILE_H
#define PODSG_BRANCHES_FILE_H

/*
 * branches.json: the branch interfaces of this node and the servers of the cluster's DNS, for the
 * DNS cache to read, and for this daemon itself after a restart. Written whole and renamed into
 * place, and only when its content changes; each time its generation is one more.
 */

#include "common/error.h"
#include "nft-sync/model/model.h"
#include "nft-sync/resolve/resolution.h"

struct branches_file;

/* Goes on from the generation of a file that is there. -ENOMEM. */
int branches_file_open(const char *path, struct branches_file **ret, struct error *err);
void branches_file_close(struct branches_file *file); /* accepts NULL; the file stays */

/* A failure to write is tried again with the next call. */
int branches_file_write(struct branches_file *file, const struct resolution *resolution,
                        struct model *model, struct error *err);

/*
 * What was in force before a restart, as `previous` of the first resolve(): branches sorted, no
 * members. -ENOENT: there is no such file; -EBADMSG: it is broken. An item that is not understood
 * is left out.
 */
int branches_file_read(const char *path, const struct config *config, struct resolution **ret,
                       struct error *err);

#endif
