/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft-sync/ctl/report_parts.h"

/* Files of their own, so that an editor knows their languages; the assembler reads them. */
#define ASSET(name, file)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
	        ".global " #name "\n"                                                              \
	        ".type " #name ", %object\n" #name ":\n"                                           \
	        ".incbin \"" file "\"\n"                                                           \
	        ".byte 0\n"                                                                        \
	        ".size " #name ", . - " #name "\n"                                                 \
	        ".popsection\n")

ASSET(report_style, "nft-sync/ctl/report.css");
ASSET(report_script, "nft-sync/ctl/report.js");
