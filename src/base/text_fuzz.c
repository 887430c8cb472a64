/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: texts made safe: printable UTF-8 only, whatever came. */
#include "base/panic.h"
#include "base/text.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct text text = TEXT_GROWING;

	text_escaped(&text, s);
	text_json(&text, s);
	for (struct slice left = text_slice(&text); left.len;) {
		uint32_t point;
		size_t len = utf8_decode(left, &point);
		panic_if(len == 0, "broken UTF-8");
		panic_if(point < ' ' || (point >= 0x7f && point < 0xa0), "control character");
		panic_if(utf8_reorders(point), "reordering character");
		left = slice_from(left, len);
	}
	slice_matches(s, slice_part(s, 0, size / 4));
	text_free(&text);
	return 0;
}
