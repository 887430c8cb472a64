/* SPDX-License-Identifier: Apache-2.0 */
/* Any text formatted: the same statements and comments, and a second time changes nothing. */
#include "policy/format_same.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	format_holds((struct slice){(const char *)bytes, size});
	return 0;
}
