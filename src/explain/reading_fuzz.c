/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: any bytes as a reply, a bounce, a log or a window, and what it means. */
#include "base/panic.h"
#include "explain/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena *arena = arena_new();
	struct reading reading;

	reading_of((struct slice){(const char *)bytes, size}, arena, &reading);
	panic_if(reading.failure_count > 256, "too many failures");
	for (size_t i = 0; i < reading.failure_count; i++) {
		const struct failure *failure = &reading.failures[i];
		struct explanation told;
		panic_if(failure->words.len > 4000 || failure->reported.len > 4000, "too long");
		panic_if(failure->has_status && failure->status.class < 2, "status");
		explain_failure(failure, arena, &told);
		panic_if(told.cause >= CAUSES || !told.summary.len, "no cause");
	}
	arena_free(arena);
	return 0;
}
