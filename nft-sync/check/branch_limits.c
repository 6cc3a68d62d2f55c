/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Written by packaging/generate-branch-limits: change that, not this. */
#include <stddef.h>

#include "nft-sync/check/instance_types.h"

const char branch_limits_date[] = "2026-03-20";

/* clang-format off */
const struct branch_limits branch_limits[] = {
	{"a1",
	 "medium=10/2/4 large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 "
	 "metal=54/8/30"},
	{"c1",
	 "medium=0/2/6 xlarge=0/4/15"},
	{"c3 c4 r3",
	 "large=0/3/10 xlarge=0/4/15 2xlarge=0/4/15 4xlarge=0/8/30 8xlarge=0/8/30"},
	{"c5 c5d",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 9xlarge=54/8/30 "
	 "12xlarge=54/8/30 18xlarge=107/15/50 24xlarge=107/15/50 metal=107/15/50"},
	{"c5a c5ad m5a m5ad r5a r5ad",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=54/8/30 "
	 "12xlarge=54/8/30 16xlarge=107/15/50 24xlarge=107/15/50"},
	{"c5n",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 9xlarge=54/8/30 "
	 "18xlarge=107/15/50 metal=107/15/50"},
	{"c6a m6a r6a",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=84/8/30 "
	 "12xlarge=114/8/30 16xlarge=107/15/50 24xlarge=107/15/50 32xlarge=107/15/50 "
	 "48xlarge=107/15/50 metal=107/15/50"},
	{"c6g c6gd c7g c7gd c7gn m6g m6gd m7g m7gd r6g r6gd r7g r7gd",
	 "medium=4/2/4 large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 "
	 "8xlarge=54/8/30 12xlarge=54/8/30 16xlarge=107/15/50 metal=107/15/50"},
	{"c6gn",
	 "medium=4/2/4 large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 "
	 "8xlarge=54/8/30 12xlarge=54/8/30 16xlarge=107/15/50"},
	{"c6i c6id m6i m6id r6i r6id",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=84/8/30 "
	 "12xlarge=114/8/30 16xlarge=107/15/50 24xlarge=107/15/50 32xlarge=107/15/50 "
	 "metal=107/15/50"},
	{"c6in m6idn m6in r6idn r6in",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=84/8/30 "
	 "12xlarge=114/8/30 16xlarge=107/15/50 24xlarge=107/15/50 32xlarge=106/8/50 "
	 "metal=106/8/50"},
	{"c7a m7a r7a",
	 "medium=4/2/4 large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 "
	 "8xlarge=84/8/30 12xlarge=114/8/30 16xlarge=107/15/50 24xlarge=107/15/50 "
	 "32xlarge=107/15/50 48xlarge=107/15/50 metal-48xl=107/15/50"},
	{"c7i m7i r7i",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=84/8/30 "
	 "12xlarge=114/8/30 16xlarge=107/15/50 24xlarge=107/15/50 48xlarge=107/15/50 "
	 "metal-24xl=107/15/50 metal-48xl=107/15/50"},
	{"c7i-flex m7i-flex",
	 "large=3/3/10 xlarge=8/4/15 2xlarge=18/4/15 4xlarge=34/8/30 8xlarge=54/8/30 "
	 "12xlarge=114/8/30 16xlarge=107/15/50"},
	{"c8a m8a r8a",
	 "medium=4/2/4 large=9/3/20 xlarge=18/4/20 2xlarge=38/4/40 4xlarge=54/8/40 "
	 "8xlarge=82/10/40 12xlarge=110/12/64 16xlarge=106/16/64 24xlarge=106/16/64 "
	 "48xlarge=98/24/64 metal-24xl=106/16/64 metal-48xl=98/24/64"},
	{"c8g c8gd m8g m8gd r8g r8gd x8g",
	 "medium=4/2/4 large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 "
	 "8xlarge=54/8/30 12xlarge=54/8/30 16xlarge=107/15/50 24xlarge=107/15/50 "
	 "48xlarge=107/15/50 metal-24xl=107/15/50 metal-48xl=107/15/50"},
	{"c8gb c8gn m8gb m8gn r8gb r8gn",
	 "medium=4/2/4 large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 "
	 "8xlarge=52/10/30 12xlarge=50/12/30 16xlarge=106/16/50 24xlarge=98/24/50 "
	 "48xlarge=98/12/50"},
	{"c8i c8id m8i m8id r8i r8id",
	 "large=9/3/20 xlarge=18/4/30 2xlarge=38/4/30 4xlarge=54/8/50 8xlarge=82/10/50 "
	 "12xlarge=110/12/50 16xlarge=106/16/64 24xlarge=106/16/64 32xlarge=98/24/64 "
	 "48xlarge=98/24/64 96xlarge=98/24/64 metal-48xl=98/24/64 metal-96xl=98/24/64"},
	{"c8i-flex m8i-flex r8i-flex",
	 "large=3/3/20 xlarge=8/4/30 2xlarge=18/4/30 4xlarge=34/8/50 8xlarge=52/10/50 "
	 "12xlarge=110/12/50 16xlarge=106/16/64"},
	{"d2 i2",
	 "xlarge=0/4/15 2xlarge=0/4/15 4xlarge=0/8/30 8xlarge=0/8/30"},
	{"d3",
	 "xlarge=42/4/3 2xlarge=92/4/5 4xlarge=118/4/10 8xlarge=119/3/20"},
	{"d3en",
	 "xlarge=24/4/3 2xlarge=58/4/5 4xlarge=118/4/10 6xlarge=118/4/15 8xlarge=118/4/20 "
	 "12xlarge=119/3/30"},
	{"dl1 p4d p4de",
	 "24xlarge=62/15/50"},
	{"dl2q p3dn",
	 "24xlarge=107/15/50"},
	{"f1",
	 "2xlarge=0/4/15 4xlarge=0/8/30 16xlarge=0/8/50"},
	{"f2",
	 "6xlarge=84/8/30 12xlarge=114/8/30 48xlarge=107/15/50"},
	{"g4ad",
	 "xlarge=12/2/4 2xlarge=12/2/4 4xlarge=11/3/10 8xlarge=10/4/15 16xlarge=6/8/30"},
	{"g4dn",
	 "xlarge=39/3/10 2xlarge=39/3/10 4xlarge=59/3/10 8xlarge=58/4/15 12xlarge=54/8/30 "
	 "16xlarge=118/4/15 metal=107/15/50"},
	{"g5",
	 "xlarge=4/4/15 2xlarge=17/4/15 4xlarge=34/8/30 8xlarge=84/8/30 12xlarge=107/15/50 "
	 "16xlarge=114/8/30 24xlarge=107/15/50 48xlarge=115/7/50"},
	{"g5g",
	 "xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=54/8/30 16xlarge=107/15/50 "
	 "metal=107/15/50"},
	{"g6",
	 "xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=84/8/30 12xlarge=114/8/30 "
	 "16xlarge=107/15/50 24xlarge=107/15/50 48xlarge=107/15/50"},
	{"g6e",
	 "xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=84/8/30 12xlarge=112/10/30 "
	 "16xlarge=107/15/50 24xlarge=102/10/50 48xlarge=82/10/50"},
	{"g6f",
	 "large=10/2/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30"},
	{"g7e",
	 "2xlarge=120/4/64 4xlarge=120/8/64 8xlarge=120/8/64 12xlarge=120/10/64 "
	 "24xlarge=120/10/64 48xlarge=120/10/64"},
	{"gr6",
	 "4xlarge=54/8/30 8xlarge=84/8/30"},
	{"gr6f",
	 "4xlarge=54/8/30"},
	{"h1",
	 "2xlarge=0/4/15 4xlarge=0/8/30 8xlarge=0/8/30 16xlarge=0/8/50"},
	{"i3",
	 "large=0/3/10 xlarge=0/4/15 2xlarge=0/4/15 4xlarge=0/8/30 8xlarge=0/8/30 "
	 "16xlarge=0/15/50 metal=120/15/50"},
	{"i3en",
	 "large=5/3/10 xlarge=12/4/15 2xlarge=28/4/15 3xlarge=38/4/15 6xlarge=54/8/30 "
	 "12xlarge=54/8/30 24xlarge=107/15/50 metal=107/15/50"},
	{"i4g im4gn",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=54/8/30 "
	 "16xlarge=107/15/50"},
	{"i4i",
	 "large=0/3/10 xlarge=6/4/15 2xlarge=26/4/15 4xlarge=52/8/30 8xlarge=112/8/30 "
	 "12xlarge=112/8/30 16xlarge=120/15/50 24xlarge=105/15/30 32xlarge=120/15/50 "
	 "metal=120/15/50"},
	{"i7i",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=84/8/30 "
	 "12xlarge=84/8/30 16xlarge=107/15/50 24xlarge=107/15/50 48xlarge=107/15/50 "
	 "metal-24xl=107/15/50 metal-48xl=107/15/50"},
	{"i7ie",
	 "large=19/3/10 xlarge=27/4/15 2xlarge=27/4/15 3xlarge=27/4/15 6xlarge=54/8/30 "
	 "12xlarge=54/8/50 18xlarge=107/15/50 24xlarge=107/15/50 48xlarge=107/15/50 "
	 "metal-24xl=107/15/50 metal-48xl=107/15/50"},
	{"i8g",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=54/8/30 "
	 "12xlarge=54/8/30 16xlarge=107/15/50 24xlarge=107/15/50 48xlarge=107/15/50 "
	 "metal-24xl=107/15/50 metal-48xl=107/15/50"},
	{"i8ge",
	 "large=19/3/10 xlarge=27/4/15 2xlarge=27/4/15 3xlarge=25/6/30 6xlarge=52/10/30 "
	 "12xlarge=50/12/30 18xlarge=106/16/50 24xlarge=106/16/50 48xlarge=98/24/50 "
	 "metal-24xl=106/16/50 metal-48xl=98/24/50"},
	{"inf1",
	 "xlarge=38/4/10 2xlarge=38/4/10 6xlarge=54/8/30 24xlarge=111/11/30"},
	{"inf2",
	 "xlarge=18/4/15 8xlarge=84/8/30 24xlarge=107/15/50 48xlarge=107/15/50"},
	{"is4gen",
	 "medium=4/2/4 large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 "
	 "8xlarge=54/8/30"},
	{"m1",
	 "small=0/2/4 medium=0/2/6 large=0/3/10 xlarge=0/4/15"},
	{"m2",
	 "xlarge=0/4/15 2xlarge=0/4/30 4xlarge=0/8/30"},
	{"m3",
	 "medium=0/2/6 large=0/3/10 xlarge=0/4/15 2xlarge=0/4/30"},
	{"m4",
	 "large=0/2/10 xlarge=0/4/15 2xlarge=0/4/15 4xlarge=0/8/30 10xlarge=0/8/30 "
	 "16xlarge=0/8/30"},
	{"m5 r5",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=54/8/30 "
	 "12xlarge=54/8/30 16xlarge=107/15/50 24xlarge=107/15/50 metal=120/15/50"},
	{"m5d m5dn m5n r5b r5d r5dn r5n",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=54/8/30 "
	 "12xlarge=54/8/30 16xlarge=107/15/50 24xlarge=107/15/50 metal=107/15/50"},
	{"m5zn",
	 "large=13/3/10 xlarge=29/4/15 2xlarge=62/4/15 3xlarge=92/8/30 6xlarge=114/8/30 "
	 "12xlarge=107/15/50 metal=107/15/50"},
	{"m8azn",
	 "medium=3/3/4 large=8/4/20 xlarge=18/4/20 3xlarge=34/8/40 6xlarge=54/8/40 "
	 "12xlarge=106/16/64 24xlarge=106/16/64 metal-12xl=106/16/64 metal-24xl=106/16/64"},
	{"mac-m4 mac-m4max mac-m4pro mac1 mac2 mac2-m1ultra mac2-m2 mac2-m2pro",
	 "metal=6/8/30"},
	{"p3",
	 "2xlarge=0/4/15 8xlarge=0/8/30 16xlarge=0/8/30"},
	{"p5",
	 "4xlarge=58/4/30 48xlarge=120/2/50"},
	{"p5e",
	 "48xlarge=120/2/50"},
	{"p5en p6-b200 p6-b300",
	 "48xlarge=120/4/50"},
	{"r4",
	 "large=0/3/10 xlarge=0/4/15 2xlarge=0/4/15 4xlarge=0/8/30 8xlarge=0/8/30 "
	 "16xlarge=0/15/50"},
	{"r7iz",
	 "large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 8xlarge=84/8/30 "
	 "12xlarge=114/8/30 16xlarge=107/15/50 32xlarge=107/15/50 metal-16xl=107/15/50 "
	 "metal-32xl=107/15/50"},
	{"t1",
	 "micro=0/2/2"},
	{"t2",
	 "nano=0/2/2 micro=0/2/2 small=0/3/4 medium=0/3/6 large=0/3/12 xlarge=0/3/15 "
	 "2xlarge=0/3/15"},
	{"t3 t4g",
	 "nano=0/2/2 micro=0/2/2 small=0/3/4 medium=0/3/6 large=0/3/12 xlarge=0/4/15 "
	 "2xlarge=0/4/15"},
	{"t3a",
	 "nano=0/2/2 micro=0/2/2 small=0/2/4 medium=0/3/6 large=0/3/12 xlarge=0/4/15 "
	 "2xlarge=0/4/15"},
	{"trn1",
	 "2xlarge=17/4/15 32xlarge=82/5/50"},
	{"trn1n",
	 "32xlarge=120/5/50"},
	{"u-3tb1",
	 "56xlarge=6/8/30"},
	{"u-6tb1",
	 "56xlarge=0/15/50 112xlarge=0/15/50"},
	{"u7i-12tb",
	 "224xlarge=107/15/50"},
	{"u7i-6tb u7i-8tb",
	 "112xlarge=107/15/50"},
	{"u7in-16tb u7in-24tb u7in-32tb",
	 "224xlarge=106/8/50"},
	{"vt1",
	 "3xlarge=38/4/15 6xlarge=54/8/30 24xlarge=107/15/50"},
	{"x1",
	 "16xlarge=0/8/30 32xlarge=0/8/30"},
	{"x1e",
	 "xlarge=0/3/10 2xlarge=0/4/15 4xlarge=0/4/15 8xlarge=0/4/15 16xlarge=0/8/30 "
	 "32xlarge=0/8/30"},
	{"x2gd",
	 "medium=10/2/4 large=9/3/10 xlarge=18/4/15 2xlarge=38/4/15 4xlarge=54/8/30 "
	 "8xlarge=54/8/30 12xlarge=54/8/30 16xlarge=107/15/50 metal=107/15/50"},
	{"x2idn",
	 "16xlarge=107/15/50 24xlarge=107/15/50 32xlarge=107/15/50 metal=107/15/50"},
	{"x2iedn",
	 "xlarge=11/4/15 2xlarge=27/4/15 4xlarge=54/8/30 8xlarge=114/8/30 16xlarge=107/15/50 "
	 "24xlarge=107/15/50 32xlarge=107/15/50 metal=107/15/50"},
	{"x2iezn",
	 "2xlarge=62/4/15 4xlarge=114/8/30 6xlarge=114/8/30 8xlarge=114/8/30 "
	 "12xlarge=107/15/50 metal=107/15/50"},
	{"x8aedz",
	 "large=8/4/20 xlarge=18/4/20 3xlarge=34/8/40 6xlarge=54/8/40 12xlarge=106/16/64 "
	 "24xlarge=106/16/64 metal-12xl=106/16/64 metal-24xl=106/16/64"},
	{"x8i",
	 "large=9/3/20 xlarge=18/4/30 2xlarge=38/4/30 4xlarge=54/8/50 8xlarge=82/10/50 "
	 "12xlarge=110/12/50 16xlarge=106/16/64 24xlarge=106/16/64 32xlarge=98/24/64 "
	 "48xlarge=98/24/64 64xlarge=98/24/64 96xlarge=98/24/64 metal-48xl=98/24/64 "
	 "metal-96xl=98/24/64"},
	{"z1d",
	 "large=13/3/10 xlarge=28/4/15 2xlarge=58/4/15 3xlarge=54/8/30 6xlarge=54/8/30 "
	 "12xlarge=107/15/50 metal=107/15/50"},
	{NULL, NULL},
};
