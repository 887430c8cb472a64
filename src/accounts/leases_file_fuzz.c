/* SPDX-License-Identifier: Apache-2.0 */
/* A file of leases, of any bytes: read to its end or to its damage; what was read is written as it
 * stood. */
#include "accounts/leases_file.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice left = {(const char *)bytes, size};
	struct lease_record record;
	struct text out = TEXT_GROWING;
	uint32_t format;

	if (leases_file_open(&left, &format) != LEASES_FILE_OK)
		return 0;
	for (struct slice before = left; leases_file_next(&left, &record); before = left) {
		text_clear(&out);
		leases_file_put(&out, &record);
		panic_if(!slice_is(text_slice(&out), slice_part(before, 0, before.len - left.len)),
			"a record has a second encoding");
	}
	text_free(&out);
	return 0;
}
