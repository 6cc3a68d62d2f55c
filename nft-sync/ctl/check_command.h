/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CHECK_COMMAND_H
#define PODSG_CHECK_COMMAND_H

/* podsgctl check: its command line, which is its own; argv[0] is "check". Returns the exit status,
 * enum check_exit. */
int check_command(int argc, char **argv);

#endif
