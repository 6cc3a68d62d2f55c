/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CONFLIST_CHAIN_H
#define PODSG_CONFLIST_CHAIN_H

/*
 * The chain of plugins in the text of a conflist, found and edited in place: what is not ours is
 * kept byte for byte, blanks included. What is accepted is what libcni accepts (libcni/conf.go),
 * so that a file which the runtimes pass over is passed over here.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/json.h"

#define CONFLIST_PLUGIN "podsg-cni"
#define CONFLIST_FILE_MAX (2U << 20) /* bytes; containerd reads no larger one */
#define CONFLIST_PLUGINS_MAX 64

struct conflist_plugin {
	const char *text; /* from { to } */
	size_t length;
	bool ours;
};

/* Points into the text that it was read from. */
struct conflist_chain {
	const char *text;
	size_t length;
	struct json_slice name;
	struct json_slice version;  /* cniVersion; without length: not there */
	struct json_slice versions; /* cniVersions, likewise */
	const char *open;           /* behind the bracket that opens plugins */
	struct conflist_plugin plugins[CONFLIST_PLUGINS_MAX];
	size_t count; /* never 0 */
};

enum conflist_position {
	CONFLIST_ABSENT,
	CONFLIST_LAST,     /* once, at the end */
	CONFLIST_EARLIER,  /* once, and others behind it */
	CONFLIST_REPEATED, /* more than once */
};

enum conflist_wish {
	CONFLIST_WANT_LAST,
	CONFLIST_WANT_PRESENT, /* once, and where it is already */
	CONFLIST_WANT_NONE,
};

/* -EBADMSG with file and line: no runtime takes it for a conflist, or ours is hidden in it. */
int conflist_chain_parse(const char *file, const char *text, size_t length,
                         struct conflist_chain *ret, struct error *err);

/* The text of a file that holds a single plugin, .conf or .json. -EBADMSG: the runtimes pass over
 * it. *ret_named: its network is called name. */
int conflist_single_parse(const char *file, const char *text, size_t length, const char *name,
                          bool *ret_named, struct error *err);

bool conflist_chain_is_named(const struct conflist_chain *chain, const char *name);

/* -ENOTSUP: the runtime would speak a version to our plugin that it does not know, and no pod
 * would start any more. */
int conflist_chain_check_version(const char *file, const struct conflist_chain *chain,
                                 struct error *err);

enum conflist_position conflist_chain_position(const struct conflist_chain *chain);

/* Adds the text as it is wished to out, which is to look at for failure. Ours is written as its
 * neighbours are, or moved as it stands. */
void conflist_chain_edit(const struct conflist_chain *chain, enum conflist_wish wish,
                         struct buffer *out);

#endif
