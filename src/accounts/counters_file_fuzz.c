/* SPDX-License-Identifier: Apache-2.0 */
/* A file of counters, of any bytes: read to its end or to its damage; what was read is written as
 * it stood. */
#include "accounts/counters_file.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void write_again(struct text *out, const struct counters_record *record)
{
	struct kept_moment moments[RECORD_MOMENTS];
	struct slice left = record->moments;
	size_t count = 0;

	while (left.len && count < RECORD_MOMENTS)
		panic_if(!counters_file_moment(&left, &moments[count++]), "half a moment");
	counters_file_put(out, record->key, record->period, moments, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice left = {(const char *)bytes, size};
	struct counters_record record;
	struct text out = TEXT_GROWING;
	uint32_t format;

	if (counters_file_open(&left, &format) != COUNTERS_FILE_OK)
		return 0;
	for (struct slice before = left; counters_file_next(&left, &record); before = left) {
		struct slice was = slice_part(before, 0, before.len - left.len);
		text_clear(&out);
		write_again(&out, &record);
		panic_if(record.moments.len <= RECORD_MOMENTS * 12 &&
				 !slice_is(text_slice(&out), was),
			"a record has a second encoding");
	}
	text_free(&out);
	return 0;
}
