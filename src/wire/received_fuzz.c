/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: nothing a client says ends a trace field. */
#include "base/panic.h"
#include "wire/received.h"

/* Each line but the first is a continuation. */
static void check(struct slice field)
{
	while (field.len) {
		struct slice line = slice_cut(&field, '\n');
		panic_if(line.len == 0 || line.len > 998, "line of %zu", line.len);
		panic_if(slice_find(line, '\r') != line.len - 1, "bare CR or LF");
		panic_if(field.len && field.at[0] != ' ', "the field was ended");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct text text = TEXT_GROWING;
	struct slice first = slice_part(s, 0, size / 2), second = slice_from(s, size / 2);
	struct received received = {.helo = first,
		.client_name = second,
		.by = SLICE("mx.example.org"),
		.id = SLICE("7K3Q-9MZD-2C4T"),
		.recipient = s,
		.smtputf8 = size % 2 == 0};

	text_received(&text, &received);
	check(text_slice(&text));
	text_clear(&text);
	received.local_user = first;
	text_received(&text, &received);
	check(text_slice(&text));
	text_clear(&text);
	text_return_path(&text, s);
	check(text_slice(&text));
	text_free(&text);
	return 0;
}
