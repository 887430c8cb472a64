/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: xtext, both ways. */
#include "base/panic.h"
#include "wire/xtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct arena *arena = arena_new();
	struct text text = TEXT_GROWING;
	struct slice plain;

	xtext_decode(s, arena, &plain);
	text_xtext(&text, s);
	panic_if(!xtext_decode(text_slice(&text), arena, &plain), "own xtext refused");
	panic_if(!slice_is(plain, s), "not the same again");
	if (utf8_xtext_decode(s, arena, &plain)) {
		struct slice again;
		text_clear(&text);
		text_utf8_xtext(&text, plain);
		panic_if(!utf8_xtext_decode(text_slice(&text), arena, &again), "own form refused");
		panic_if(!slice_is(plain, again), "not the same address again");
	}
	text_free(&text);
	arena_free(arena);
	return 0;
}
