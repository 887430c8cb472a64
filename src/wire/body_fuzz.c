/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: the end-of-data recogniser in two pieces against a slow reference. */
#include "base/panic.h"
#include "wire/body.h"

static bool crlf_at(struct slice s, size_t at)
{
	return at + 1 < s.len && s.at[at] == '\r' && s.at[at + 1] == '\n';
}

/* The data up to their end, unstuffed, the slow way; *used is 0 where they do not end. */
static void reference(struct slice s, struct text *out, size_t *used)
{
	*used = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '.' && (i == 0 || (i >= 2 && crlf_at(s, i - 2)))) {
			if (crlf_at(s, i + 1)) {
				*used = i + 3;
				return;
			}
			continue;
		}
		text_char(out, s.at[i]);
	}
}

/* In chunks: what comes out is what went in, however it is cut, and then the end of a last line. */
static void check_chunks(struct slice s)
{
	struct text whole = TEXT_GROWING, cut = TEXT_GROWING;
	struct body_reader one, two;

	body_begin(&one);
	body_begin(&two);
	body_take(&one, s, &whole);
	panic_if(!slice_is(text_slice(&whole), s), "a chunk is not what it was");
	for (size_t i = 0; i < s.len; i += 3)
		body_take(&two, slice_part(s, i, i + 3 < s.len ? i + 3 : s.len), &cut);
	body_complete(&one, &whole);
	body_complete(&two, &cut);
	panic_if(!slice_is(text_slice(&whole), text_slice(&cut)), "a cut changes the message");
	panic_if(one.bare_cr != two.bare_cr || one.bare_lf != two.bare_lf || one.nul != two.nul ||
			 one.has_8bit != two.has_8bit || one.has_dot_line != two.has_dot_line ||
			 one.size != two.size,
		"a cut changes what is noted");
	panic_if(whole.len && !slice_ends_nocase(text_slice(&whole), SLICE("\r\n")),
		"a last line without its end");
	text_free(&whole);
	text_free(&cut);
}

/* Pieces that stand in the buffer of what is kept. */
static void check_in_place(struct slice s, struct slice want, size_t used)
{
	struct text got = TEXT_GROWING;
	struct body_reader reader;

	panic_if(!text_reserve(&got, s.len + 1), "a growing text is full");
	text_clear(&got);
	body_begin(&reader);
	for (size_t i = 0; i < s.len && !reader.ended; i += 5) {
		struct slice piece = slice_part(s, i, i + 5 < s.len ? i + 5 : s.len);
		char *at = got.at + got.len + body_gap(&reader);
		memcpy(at, piece.at, piece.len);
		piece.at = at;
		body_read(&reader, &piece, &got);
	}
	panic_if(reader.ended != (used != 0), "end of data in place");
	panic_if(used && !slice_is(text_slice(&got), want), "unstuffed otherwise in place");
	text_free(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct slice s = {(const char *)bytes, size};
	struct slice first = slice_part(s, 0, size / 2), second = slice_from(s, size / 2);
	struct text got = TEXT_GROWING, want = TEXT_GROWING;
	struct body_reader reader;
	size_t used;

	check_chunks(s);
	reference(s, &want, &used);
	check_in_place(s, text_slice(&want), used);
	body_begin(&reader);
	body_read(&reader, &first, &got);
	if (!reader.ended)
		body_read(&reader, &second, &got);
	panic_if(reader.ended != (used != 0), "end of data");
	if (reader.ended) {
		panic_if(size - first.len - second.len != used, "left over");
		panic_if(!slice_is(text_slice(&got), text_slice(&want)), "unstuffed otherwise");
		panic_if(reader.size != got.len, "size");
	}
	text_free(&got);
	text_free(&want);
	return 0;
}
