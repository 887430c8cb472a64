/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: every text in a report comes from outside; no line is too long or broken. */
#include "base/panic.h"
#include "wire/dsn.h"

static void check(struct slice report)
{
	while (report.len) {
		struct slice line = slice_cut(&report, '\n');
		panic_if(line.len == 0 || line.len > 999, "line of %zu", line.len);
		panic_if(slice_find(line, '\r') != line.len - 1, "bare CR or LF");
		panic_if(slice_has(line, '\0'), "NUL");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct arena *arena = arena_new();
	struct text text = TEXT_GROWING;
	struct slice part = slice_part(s, 0, size / 2);
	struct dsn_recipient recipient = {.final = part,
		.original = s,
		.action = (enum dsn_action)(size % 5),
		.status = {5, 1, 1},
		.remote_mta = part,
		.remote_says = s,
		.last_attempt = 1,
		.retry_until = 1};
	struct dsn dsn = {.reporting_mta = SLICE("mx.example.org"),
		.from = part,
		.to = part,
		.subject = s,
		.words = s,
		.id = SLICE("7K3Q-9MZD-2C4T"),
		.now = 1,
		.envelope_id = part,
		.recipients = &recipient,
		.count = 1,
		.original = s,
		.whole = size % 2 == 0,
		.original_utf8 = size % 3 == 0};

	text_dsn(&text, &dsn, arena);
	check(text_slice(&text));
	text_free(&text);
	arena_free(arena);
	return 0;
}
