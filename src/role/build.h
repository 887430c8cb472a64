/* SPDX-License-Identifier: Apache-2.0 */
/* Which build this program is. Processes of two builds do not talk to each other: packets have no
 * other versions than the build. */
#ifndef ROLE_BUILD_H
#define ROLE_BUILD_H

#include "base/text.h"

struct slice build_version(void); /* "0.1.0" */
/* "0.1.0-1f2e3d…": the version and the linker's build id, where it left one. */
void text_build(struct text *text);

#endif
