/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_HOST_H
#define PODSG_GC_HOST_H

enum gc_host_exit {
	GC_HOST_DONE = 0,   /* or there was nothing to do */
	GC_HOST_FAILED = 1, /* something could not be removed or read; everything else was done */
	GC_HOST_USAGE = 2,  /* or a bad configuration */
	GC_HOST_BLIND = 3,  /* the journal or the kernel could not be read: nothing was done */
};

/* podsg-eni-gc's command "host", which argv[0] is. Returns what the program exits with. */
int gc_host_main(int argc, char **argv);

#endif
