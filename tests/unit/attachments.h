/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TEST_ATTACHMENTS_H
#define PODSG_TEST_ATTACHMENTS_H

/* An attachment with something in every field, for tests. */

#include "common/journal.h"

#define BOOT "6b1d8f3a-9c62-4f0b-8f5e-2a4f1f0c7d11"
#define SANDBOX "4f0c1d2e3b5a69788796a5b4c3d2e1f04f0c1d2e3b5a69788796a5b4c3d2e1f0"

struct attachment example_attachment(void);

#endif
