/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: ids and times. What parses is written so that it parses to itself. */
#include "base/id.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	char raw[64];
	struct text text = TEXT_FIXED(raw);
	uint64_t id, id_back;
	wall_ns wall, wall_back;

	if (id_parse(s, &id)) {
		text_id(&text, id);
		panic_if(!id_parse(text_slice(&text), &id_back) || id != id_back, "another id");
	}
	text_clear(&text);
	if (time_parse(s, &wall)) {
		text_time(&text, wall);
		panic_if(!time_parse(text_slice(&text), &wall_back), "own time refused");
		panic_if(wall - wall_back >= NS_PER_MS || wall < wall_back, "another time");
	}
	return 0;
}
