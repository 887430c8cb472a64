/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: a remote's replies, then their words written as ours. */
#include "base/panic.h"
#include "wire/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct slice left = s;
	struct reply reply = {0};
	struct text out = TEXT_GROWING;

	reply_begin(&reply);
	while (left.len && !reply.whole &&
		reply_add_line(&reply, slice_cut(&left, '\n')) == REPLY_OK)
		;
	panic_if(reply.words.len > 4096, "words not cut");
	reply_write(&out, 550, reply.enhanced, s, SLICE("[why 7K3Q-9MZD-2C4T]"), size % 2);
	for (left = text_slice(&out); left.len;) {
		struct slice line = slice_cut(&left, '\n');
		panic_if(line.len + 1 > REPLY_LINE_MAX, "line too long");
		panic_if(slice_find(line, '\r') != line.len - 1, "CR inside");
	}
	text_free(&out);
	reply_free(&reply);
	return 0;
}
