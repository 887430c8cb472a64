/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: what a server says of a token. */
#include "accounts/oauth.h"

#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct text because = TEXT_GROWING;
	struct slice login;

	enum token token = token_answer_read((struct slice){(const char *)bytes, size},
		SLICE("username"), 1700000000, arena, &login, &because);
	panic_if((token == TOKEN_GOOD) != (login.len > 0), "a good token of nobody");
	text_free(&because);
	arena_free(arena);
	return 0;
}
