/* SPDX-License-Identifier: Apache-2.0 */
/* Any words from any server: the answer is one of the causes, and its evidence is of the words. */
#include "base/panic.h"
#include "explain/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool is_part(struct slice part, struct slice whole)
{
	return part.at >= whole.at && part.at + part.len <= whole.at + whole.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint16_t codes[] = {0, 421, 450, 550, 552, 554};
	struct slice input = {(const char *)bytes, size}, first = slice_cut(&input, '\n');
	struct arena *arena = arena_new();
	struct explanation told;
	struct failure failure = {
		.reply_code = codes[size % (sizeof codes / sizeof *codes)],
		.has_status = size % 3 == 0,
		.status = {size % 2 ? 4 : 5, (uint16_t)(size % 8), (uint16_t)(size % 700)},
		.words = first,
		.reported = input,
		.remote_mta = input,
		.recipient = first,
		.command = first,
		.windows_error = first,
	};

	explain_failure(&failure, arena, &told);
	panic_if((unsigned)told.cause >= CAUSES, "a cause that is none");
	panic_if(told.cause != CAUSE_UNCLEAR && !told.source.len, "no source");
	panic_if(told.summary.len == 0, "no summary");
	panic_if(told.evidence.len > 20 && !is_part(told.evidence, failure.words) &&
			 !is_part(told.evidence, failure.reported),
		"evidence from nowhere");
	arena_free(arena);
	return 0;
}
