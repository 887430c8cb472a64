/* SPDX-License-Identifier: Apache-2.0 */
/* Dovecot's lines: whatever comes is an account or not; what is escaped comes back. */
#include "account/dovecot_words.h"

#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void comes_back(struct slice input, struct arena *arena)
{
	struct text text = TEXT_GROWING;
	struct slice value;

	text_put(&text, SLICE("a=b\tname="));
	text_dovecot(&text, input);
	panic_if(slice_has(slice_from(text_slice(&text), 9), '\t') ||
			 slice_has(text_slice(&text), '\n'),
		"an escaped word is parted");
	panic_if(!dovecot_value(text_slice(&text), SLICE("name"), arena, &value) ||
			 !slice_is(value, input),
		"an escaped word is another");
	text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice input = {(const char *)bytes, size};
	struct arena *arena = arena_new();
	struct account account = {0};

	dovecot_account(dovecot_line_read(input).rest, SLICE("asked"), arena, &account);
	comes_back(input, arena);
	arena_free(arena);
	return 0;
}
