/* SPDX-License-Identifier: Apache-2.0 */
/* Replies, written and read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "wire/reply.h"

static struct text out = TEXT_GROWING;

static void assert_written(unsigned code, struct enhanced enhanced, struct slice words,
	struct slice tail, bool utf8, const char *want)
{
	text_clear(&out);
	reply_write(&out, code, enhanced, words, tail, utf8);
	if (!slice_is(text_slice(&out), slice_of(want)))
		fail_msg("got \"%.*s\", want \"%s\"", SLICE_ARGS(text_slice(&out)), want);
}

static void replies_are_written_safely(void **state)
{
	(void)state;
	struct enhanced denied = {5, 7, 1}, none = {0, 0, 0};

	assert_written(
		550, denied, SLICE("No"), SLICE("[why X]"), false, "550 5.7.1 No [why X]\r\n");
	assert_written(220, none, SLICE("mx"), SLICE(""), false, "220 mx\r\n");
	assert_written(250, none, SLICE("a\nb\nc"), SLICE("[t]"), false,
		"250-a\r\n250-b\r\n250 c [t]\r\n");
}

static void control_characters_become_blanks(void **state)
{
	(void)state;
	struct enhanced denied = {5, 7, 1};

	assert_written(
		550, denied, SLICE("x\ry\0z\x7f!"), SLICE(""), false, "550 5.7.1 x y z !\r\n");
	assert_written(
		550, denied, SLICE("\xc3\xa9\xff"), SLICE(""), true, "550 5.7.1 \xc3\xa9?\r\n");
	assert_written(550, denied, SLICE("\xc3\xa9"), SLICE(""), false, "550 5.7.1 ?\r\n");
	/* U+0085 and U+202E are not passed on even as UTF-8 */
	assert_written(
		550, denied, SLICE("\xc2\x85\xe2\x80\xae"), SLICE(""), true, "550 5.7.1 ??\r\n");
}

static void a_long_line_is_cut_but_never_its_tail(void **state)
{
	(void)state;
	char words[600];

	for (int utf8 = 0; utf8 < 2; utf8++) {
		for (size_t i = 0; i + 1 < sizeof words; i += 2)
			memcpy(words + i, utf8 ? "\xc3\xa9" : "ab", 2);
		text_clear(&out);
		reply_write(&out, 550, (struct enhanced){5, 7, 1},
			(struct slice){words, sizeof words}, SLICE("[why 7K3Q-9MZD-2C4T]"), utf8);
		assert_true(out.len <= REPLY_LINE_MAX && out.len >= REPLY_LINE_MAX - 1);
		assert_memory_equal(out.at + out.len - 22, "[why 7K3Q-9MZD-2C4T]\r\n", 22);
		assert_false(slice_has(text_slice(&out), '?'));
	}
}

static void enhanced_codes_are_read_strictly(void **state)
{
	(void)state;
	static const struct {
		const char *given;
		bool fits;
	} cases[] = {
		{"5.7.1", true},
		{"2.0.0", true},
		{"4.999.999", true},
		{"3.0.0", false},
		{"5.7", false},
		{"5.7.1.1", false},
		{"5.7.", false},
		{"5..1", false},
		{"5.7.1000", false},
		{"5.7.0001", false},
		{"55.7.1", false},
		{"5.7.x", false},
		{"", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct enhanced enhanced;
		assert_int_equal(
			enhanced_parse(slice_of(cases[i].given), &enhanced), cases[i].fits);
		if (!cases[i].fits)
			continue;
		text_clear(&out);
		text_enhanced(&out, enhanced);
		assert_true(slice_is(text_slice(&out), slice_of(cases[i].given)));
	}
}

static void what_is_written_is_read_again(void **state)
{
	(void)state;
	struct reply reply = {0};
	struct enhanced enhanced = {4, 2, 2};

	text_clear(&out);
	reply_write(&out, 452, enhanced, SLICE("first\nsecond"), SLICE("[id]"), false);
	reply_begin(&reply);
	for (struct slice left = text_slice(&out); left.len;) {
		struct slice line = slice_cut(&left, '\n');
		assert_false(reply.whole);
		assert_int_equal(
			reply_add_line(&reply, slice_part(line, 0, line.len - 1)), REPLY_OK);
	}
	assert_true(reply.whole);
	assert_int_equal(reply.code, 452);
	assert_int_equal(reply.lines, 2);
	assert_memory_equal(&reply.enhanced, &enhanced, sizeof enhanced);
	assert_true(slice_is(text_slice(&reply.words), SLICE("first\nsecond [id]")));
	reply_free(&reply);
}

static void lines_that_are_no_reply_are_told(void **state)
{
	(void)state;
	static const struct {
		const char *first, *second;
		enum reply_fault fault;
		bool whole;
	} cases[] = {
		{"250", NULL, REPLY_OK, true},
		{"250 ", NULL, REPLY_OK, true},
		{"250-", NULL, REPLY_OK, false},
		{"250-a", "250 b", REPLY_OK, true},
		{"250-a", "251 b", REPLY_CODE_CHANGED, false},
		{"250-a", "b", REPLY_NOT_A_REPLY, false},
		{"25", NULL, REPLY_NOT_A_REPLY, false},
		{"2500", NULL, REPLY_NOT_A_REPLY, false},
		{"199 x", NULL, REPLY_NOT_A_REPLY, false},
		{"600 x", NULL, REPLY_NOT_A_REPLY, false},
		{" 250 x", NULL, REPLY_NOT_A_REPLY, false},
		{"", NULL, REPLY_NOT_A_REPLY, false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct reply reply = {0};
		reply_begin(&reply);
		enum reply_fault fault = reply_add_line(&reply, slice_of(cases[i].first));
		if (cases[i].second) {
			assert_int_equal(fault, REPLY_OK);
			fault = reply_add_line(&reply, slice_of(cases[i].second));
		}
		assert_int_equal(fault, cases[i].fault);
		if (fault == REPLY_OK)
			assert_int_equal(reply.whole, cases[i].whole);
		reply_free(&reply);
	}
}

static void an_endless_reply_is_stopped_and_its_words_are_cut(void **state)
{
	(void)state;
	struct reply reply = {0};
	char line[512];
	enum reply_fault fault = REPLY_OK;
	int lines = 0;

	memset(line, 'x', sizeof line);
	memcpy(line, "250-", 4);
	reply_begin(&reply);
	while (fault == REPLY_OK && ++lines < 1000)
		fault = reply_add_line(&reply, (struct slice){line, sizeof line});
	assert_int_equal(fault, REPLY_TOO_MANY_LINES);
	assert_true(reply.words.len <= 4096);
	reply_free(&reply);
}

static int out_free(void **state)
{
	(void)state;
	text_free(&out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_written_safely),
		cmocka_unit_test(control_characters_become_blanks),
		cmocka_unit_test(a_long_line_is_cut_but_never_its_tail),
		cmocka_unit_test(enhanced_codes_are_read_strictly),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(lines_that_are_no_reply_are_told),
		cmocka_unit_test(an_endless_reply_is_stopped_and_its_words_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, out_free);
}
