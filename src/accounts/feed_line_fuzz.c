/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: lines of `listen grants`. */
#include "accounts/feed_line.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct feed_line line = feed_line_parse((struct slice){(const char *)bytes, size});

	switch (line.verb) {
	case FEED_GRANT:
		panic_if(!line.account.len, "a grant to nobody");
		panic_if(!line.seconds || line.seconds > 86400, "a grant of no length");
		break;
	case FEED_WRONG: panic_if(!line.right, "nothing would be right"); break;
	case FEED_REVOKE:
	case FEED_QUIT: break;
	}
	return 0;
}
