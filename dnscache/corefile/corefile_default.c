/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/corefile/corefile.h"

#define CLUSTER_ZONE(name, cache)                                                                  \
	name " {\n"                                                                                \
	     "	errors\n" cache "	reload\n"                                                        \
	     "	loop\n"                                                                             \
	     "	bind __PILLAR__LOCAL__DNS__\n"                                                      \
	     "	forward . __PILLAR__CLUSTER__DNS__ {\n"                                             \
	     "		force_tcp\n"                                                                       \
	     "	}\n"                                                                                \
	     "	prometheus :9253\n"

#define OTHER_ZONES                                                                                \
	".:53 {\n"                                                                                 \
	"	errors\n"                                                                                \
	"	cache 30\n"                                                                              \
	"	reload\n"                                                                                \
	"	loop\n"                                                                                  \
	"	bind __PILLAR__LOCAL__DNS__\n"                                                           \
	"	forward . __PILLAR__UPSTREAM__SERVERS__\n"                                               \
	"	prometheus :9253\n"

#define HEALTH "	health __PILLAR__LOCAL__DNS__:8080\n"

const char corefile_default[] =
	CLUSTER_ZONE("__PILLAR__DNS__DOMAIN__:53", "	cache {\n"
                                                   "		success 9984 30\n"
                                                   "		denial 9984 5\n"
                                                   "	}\n") HEALTH
	"}\n" CLUSTER_ZONE("in-addr.arpa:53", "	cache 30\n") "}\n" CLUSTER_ZONE(
		"ip6.arpa:53", "	cache 30\n") "}\n" OTHER_ZONES "}\n";

const char corefile_default_alone[] = OTHER_ZONES HEALTH "}\n";
