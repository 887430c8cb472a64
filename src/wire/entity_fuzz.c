/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: MIME parts, encodings, encoded words, HTML. */
#include "base/panic.h"
#include "base/utf8.h"
#include "wire/decode.h"
#include "wire/entity.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_text(struct slice text)
{
	panic_if(!utf8_is_valid(text), "not UTF-8");
	panic_if(slice_has(text, '\0'), "a NUL");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct arena *arena = arena_new();
	struct entity entity;

	entity_read(s, arena, &entity);
	panic_if(entity.count == 0 || entity.count > ENTITY_PARTS_MAX, "count of parts");
	for (size_t i = 0; i < entity.count; i++) {
		const struct part *part = &entity.parts[i];
		panic_if(part->depth >= ENTITY_DEPTH_MAX, "too deep");
		panic_if(part->body.len && (part->body.at < s.at ||
						   part->body.at + part->body.len > s.at + s.len),
			"outside");
		struct slice text = part_text(part, 4096, arena);
		check_text(text);
		check_text(html_text(text, arena));
		for (size_t n = 0; n < part->headers.count; n++)
			check_text(field_text_of(
				&part->headers, part->headers.fields[n].name, 0, arena));
	}
	check_text(words_decode(s, arena));
	arena_free(arena);
	return 0;
}
