/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: headers. */
#include "base/panic.h"
#include "wire/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct arena *arena = arena_new();
	struct headers headers;

	header_scan(s, arena, &headers);
	panic_if(headers.body_at > size, "body outside");
	for (size_t i = 0; i < headers.count; i++) {
		const struct field *field = &headers.fields[i];
		panic_if(field->raw.len > size, "field outside");
		panic_if(!header_find(&headers, field->name, 0), "not found again");
		header_unfold(field->raw, arena);
	}
	arena_free(arena);
	return 0;
}
