/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_ENIS_H
#define PODSG_GC_ENIS_H

/* "podsg-eni-gc enis": argv[0] is "enis". Returns what the program exits with. */
int gc_enis_main(int argc, char **argv);

#endif
