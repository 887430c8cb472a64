/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: base 64, both ways; and quoted-printable, which has one. */
#include "base/panic.h"
#include "wire/base64.h"
#include "wire/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct arena *arena = arena_new();
	struct text text = TEXT_GROWING;
	struct slice plain;

	if (base64_decode(s, arena, &plain)) {
		text_base64(&text, plain);
		panic_if(!slice_is(text_slice(&text), s), "two spellings of one value");
	}
	text_clear(&text);
	text_base64(&text, s);
	panic_if(!base64_decode(text_slice(&text), arena, &plain), "own base 64 refused");
	panic_if(!slice_is(plain, s), "not the same again");
	text_clear(&text);
	text_quoted_printable(&text, s);
	for (struct slice left = text_slice(&text); left.len;)
		panic_if(slice_cut(&left, '\n').len > 77, "line too long");
	text_free(&text);
	arena_free(arena);
	return 0;
}
