/* SPDX-License-Identifier: Apache-2.0 */
/* The end-of-data recogniser: against a naive reference over every short string, and against the
 * known forms of smuggling, in every way of cutting them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/arena.h"
#include "wire/base64.h"
#include "wire/body.h"

enum { STRING_MAX = 64 };

/* What the data mean, found the slow way over the whole string. */
struct reference {
	bool ended, bare_cr, bare_lf, nul, has_8bit, has_dot_line;
	size_t used, len;
	char out[STRING_MAX];
};

static bool has_crlf(struct slice s, size_t at)
{
	return at + 1 < s.len && s.at[at] == '\r' && s.at[at + 1] == '\n';
}

static struct reference reference_of(struct slice s)
{
	struct reference r = {0};

	for (size_t i = 0; i < s.len && !r.ended;) {
		bool start = i == 0 || (i >= 2 && has_crlf(s, i - 2));
		if (start && s.at[i] == '.' && has_crlf(s, i + 1)) {
			r.ended = true;
			r.used = i + 3;
			break;
		}
		if (start && s.at[i] == '.' && ++i == s.len)
			break;
		if (has_crlf(s, i)) {
			r.out[r.len++] = '\r';
			r.out[r.len++] = '\n';
			i += 2;
			continue;
		}
		r.has_dot_line |= start && s.at[i] == '.' && i > 0 && s.at[i - 1] == '.';
		r.bare_cr |= s.at[i] == '\r';
		r.bare_lf |= s.at[i] == '\n';
		r.nul |= s.at[i] == '\0';
		r.has_8bit |= (uint8_t)s.at[i] > 127;
		r.out[r.len++] = s.at[i++];
	}
	if (!r.ended)
		r.used = s.len;
	return r;
}

static struct text shared = TEXT_GROWING;

/* Reads `s` in pieces that end at `first` and `second`. */
static struct body_reader read_cut(struct slice s, size_t first, size_t second, size_t *used)
{
	struct slice pieces[] = {
		slice_part(s, 0, first), slice_part(s, first, second), slice_from(s, second)};
	struct body_reader reader;

	*used = 0;
	text_clear(&shared);
	body_begin(&reader);
	for (size_t i = 0; i < 3 && !reader.ended; i++) {
		struct slice left = pieces[i];
		body_read(&reader, &left, &shared);
		*used += pieces[i].len - left.len;
	}
	return reader;
}

static bool agrees(const struct body_reader *reader, size_t used, const struct reference *r)
{
	if (reader->ended != r->ended)
		return false;
	if (!r->ended) /* the rest may still come */
		return true;
	return used == r->used && reader->bare_cr == r->bare_cr && reader->bare_lf == r->bare_lf &&
	       reader->nul == r->nul && reader->has_8bit == r->has_8bit &&
	       reader->has_dot_line == r->has_dot_line && reader->size == r->len &&
	       slice_is(text_slice(&shared), (struct slice){r->out, r->len});
}

static void assert_cut(struct slice s, size_t first, size_t second, const struct reference *r)
{
	size_t used;
	struct body_reader reader = read_cut(s, first, second, &used);

	if (agrees(&reader, used, r))
		return;
	struct text shown = TEXT_GROWING;
	text_escaped(&shown, s);
	fail_msg("%.*s cut at %zu and %zu", SLICE_ARGS(text_slice(&shown)), first, second);
}

static void assert_every_cut(struct slice s)
{
	struct reference r = reference_of(s);

	for (size_t first = 0; first <= s.len; first++)
		for (size_t second = first; second <= s.len; second++)
			assert_cut(s, first, second, &r);
}

static const char letters[9] = {'A', '.', '\r', '\n', '\0', ' ', '\x85', '-', ':'};

/* The string of that number, with an end of data behind it so that all is compared. */
static struct slice string_of(size_t number, size_t len, char *buffer)
{
	for (size_t i = 0; i < len; i++, number /= sizeof letters)
		buffer[i] = letters[number % sizeof letters];
	memcpy(buffer + len, "\r\n.\r\n", 5);
	return (struct slice){buffer, len + 5};
}

static void try_all_of(size_t len, size_t every_cut_to)
{
	size_t count = 1;
	char buffer[STRING_MAX];

	for (size_t i = 0; i < len; i++)
		count *= sizeof letters;
	for (size_t number = 0; number < count; number++) {
		struct slice s = string_of(number, len, buffer);
		if (len <= every_cut_to) {
			assert_every_cut(s);
			assert_every_cut(slice_part(s, 0, len));
			continue;
		}
		struct reference r = reference_of(s);
		assert_cut(s, s.len, s.len, &r);
		assert_cut(s, number % (len + 5), s.len, &r);
	}
}

/* POSTERN_LONG_TESTS makes it all 4.8 million strings of seven octets too. */
static void every_short_string_is_read_as_the_reference_reads_it(void **state)
{
	(void)state;
	bool long_form = getenv("POSTERN_LONG_TESTS") != NULL;

	for (size_t len = 0; len <= (long_form ? 7 : 6); len++)
		try_all_of(len, long_form ? 5 : 4);
}

/* The fast scan takes eight octets at once: each interesting octet at each place of a line. */
static void an_octet_in_a_long_line_is_seen_at_every_place(void **state)
{
	(void)state;
	char buffer[STRING_MAX];

	for (size_t letter = 0; letter < sizeof letters; letter++)
		for (size_t at = 0; at < 40; at++) {
			memset(buffer, 'x', 40);
			buffer[at] = letters[letter];
			memcpy(buffer + 40, "\r\n.\r\n", 5);
			assert_every_cut((struct slice){buffer, 45});
		}
}

static void assert_ends_nothing(struct slice form)
{
	char buffer[STRING_MAX + 16];
	struct text text = TEXT_FIXED(buffer);

	text_put(&text, SLICE("body"));
	text_put(&text, form);
	text_put(&text, SLICE("MAIL FROM:<a@b>"));
	struct slice s = text_slice(&text);
	for (size_t cut = 0; cut <= s.len; cut++) {
		size_t used;
		struct body_reader reader = read_cut(s, cut, s.len, &used);
		if (reader.ended)
			fail_msg("ended by a form of %zu octets, cut at %zu", form.len, cut);
	}
	text_put(&text, SLICE("\r\n.\r\nNEXT"));
	size_t used;
	struct body_reader reader = read_cut(text_slice(&text), text.len, text.len, &used);
	assert_true(reader.ended);
	assert_int_equal(used, text.len - 4);
}

/* Twelve prefixes and nine suffixes around a dot, less the true one. */
static void none_of_107_false_ends_of_data_ends_it(void **state)
{
	(void)state;
	static const struct slice prefixes[] = {
		{"\n", 1},
		{"\r", 1},
		{"\r\n", 2},
		{"\n\r", 2},
		{"\r\n\0", 3},
		{"\0", 1},
		{"\v", 1},
		{"\f", 1},
		{"\xc2\x85", 2},
		{"\xe2\x80\xa8", 3},
		{"\r\n ", 3},
		{"\r\n\r", 3},
	};
	static const struct slice suffixes[] = {
		{"\n", 1},
		{"\r", 1},
		{"\r\n", 2},
		{"\n\r", 2},
		{"\r\r\n", 3},
		{"\0\r\n", 3},
		{" \r\n", 3},
		{"\t\r\n", 3},
		{"\v\r\n", 3},
	};
	size_t tried = 0;

	for (size_t p = 0; p < 12; p++)
		for (size_t s = 0; s < 9; s++) {
			char buffer[16];
			struct text form = TEXT_FIXED(buffer);
			if (p == 2 && s == 2)
				continue;
			text_put(&form, prefixes[p]);
			text_char(&form, '.');
			text_put(&form, suffixes[s]);
			assert_ends_nothing(text_slice(&form));
			tried++;
		}
	assert_int_equal(tried, 107);
}

static bool holds_true_end(struct slice s)
{
	for (size_t i = 0; i + 5 <= s.len; i++)
		if (memcmp(s.at + i, "\r\n.\r\n", 5) == 0)
			return true;
	return false;
}

static void the_published_smuggling_forms_end_nothing(void **state)
{
	(void)state;
	const char *folder = getenv("POSTERN_CORPORA");
	char path[1024];
	size_t i, tried = 0;
	json_t *vector;

	snprintf(path, sizeof path, "%s/smtp-smuggling/open/end-of-data-sequences.json",
		folder ? folder : "../shared/corpora");
	json_t *all = json_load_file(path, 0, NULL);
	if (!all) {
		print_message("skipped: no %s (set POSTERN_CORPORA)\n", path);
		skip();
	}
	struct arena *arena = arena_new();
	json_array_foreach(all, i, vector)
	{
		struct slice form;
		const char *encoded = json_string_value(json_object_get(vector, "sequence_b64"));
		assert_true(base64_decode(slice_of(encoded), arena, &form));
		if (holds_true_end(form) || form.len > 32)
			continue;
		assert_ends_nothing(form);
		tried++;
	}
	arena_free(arena);
	json_decref(all);
	assert_true(tried > 10);
}

static void what_is_stuffed_is_unstuffed_again(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"",
		".",
		"..\r\n.",
		"\r\n.\r\n.\r\n",
		"a\r\n.b\r\n..c\r\n",
		".\r\n",
		"x.\r\n.\r.\r\n",
	};

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		for (size_t cut = 0; cut <= strlen(bodies[i]); cut++) {
			char buffer[STRING_MAX];
			struct text stuffed = TEXT_FIXED(buffer);
			struct slice body = slice_of(bodies[i]);
			bool at_start = true;
			size_t used;
			body_stuff(&stuffed, slice_part(body, 0, cut), &at_start);
			body_stuff(&stuffed, slice_from(body, cut), &at_start);
			text_put(&stuffed, SLICE("\r\n.\r\n"));
			struct body_reader reader =
				read_cut(text_slice(&stuffed), cut, stuffed.len, &used);
			assert_true(reader.ended);
			assert_int_equal(used, stuffed.len);
			assert_true(slice_is(slice_part(text_slice(&shared), 0, body.len), body));
			assert_int_equal(shared.len, body.len + 2);
		}
}

static void what_follows_the_end_is_left_for_the_next_command(void **state)
{
	(void)state;
	struct slice in = SLICE("a\r\n.\r\nQUIT\r\n");
	struct body_reader reader;

	body_begin(&reader);
	body_read(&reader, &in, NULL);
	assert_true(reader.ended);
	assert_true(slice_is(in, SLICE("QUIT\r\n")));
	assert_int_equal(reader.size, 3);
}

/* ---- many at a time ---- */

enum { LONG = 400 };

/* Lines of `line` octets with their ends. */
static void lines_fill(char text[LONG], size_t line)
{
	for (size_t i = 0; i < LONG; i++)
		text[i] = i % line == line - 2 ? '\r' : i % line == line - 1 ? '\n' : 'x';
}

/* Octet by octet nothing can be skipped. */
static void assert_same_by_octets(struct slice s, bool chunks)
{
	struct body_reader whole, by_octets;
	struct text out = TEXT_GROWING;
	struct slice left = s, rest = s;

	body_begin(&whole);
	body_begin(&by_octets);
	text_clear(&shared);
	if (chunks) {
		body_take(&whole, s, &shared);
		left = SLICE_NONE;
	} else {
		body_read(&whole, &left, &shared);
	}
	while (rest.len && !by_octets.ended) {
		struct slice octet = slice_part(rest, 0, 1);
		if (chunks)
			body_take(&by_octets, octet, &out);
		else
			body_read(&by_octets, &octet, &out);
		rest = slice_from(rest, 1);
	}
	assert_int_equal(left.len, rest.len);
	assert_int_equal(whole.state, by_octets.state);
	assert_int_equal(whole.size, by_octets.size);
	assert_true(whole.bare_cr == by_octets.bare_cr && whole.bare_lf == by_octets.bare_lf &&
		    whole.nul == by_octets.nul && whole.ended == by_octets.ended &&
		    whole.has_8bit == by_octets.has_8bit &&
		    whole.has_dot_line == by_octets.has_dot_line);
	assert_true(slice_is(text_slice(&shared), text_slice(&out)));
	text_free(&out);
}

static void whatever_stands_in_long_lines_is_seen_at_every_place(void **state)
{
	static const struct slice forms[] = {{"\n", 1}, {"\r", 1}, {".", 1}, {"\0", 1}, {"\xe4", 1},
		{"\r\n", 2}, {"\n\r", 2}, {"\r\r", 2}, {"\n.", 2}, {"\r.", 2}, {"\n\n", 2},
		{"\r\n.", 3}, {"\r\n..", 4}, {"\r\n.\r", 4}, {"\n.\n", 3}, {"\r.\r", 3},
		{"\r\n.\n", 4}, {"\r\n.\r\n", 5}, {"\r\n.\rx", 5}, {"\r\n.\r\r\n", 6}};
	static const size_t lines[] = {2, 3, 17, 64, 78, LONG + 2};

	(void)state;
	for (size_t line = 0; line < sizeof lines / sizeof *lines; line++)
		for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
			for (size_t at = 0; at + forms[i].len <= LONG; at++) {
				char text[LONG];
				lines_fill(text, lines[line]);
				memcpy(text + at, forms[i].at, forms[i].len);
				assert_same_by_octets((struct slice){text, LONG}, false);
				assert_same_by_octets((struct slice){text, LONG}, true);
			}
}

static void a_piece_may_stand_where_it_is_kept(void **state)
{
	struct slice text = SLICE("..a\r\n.\rb\r\n...\r\n.\r\rc\rd\r\n.\r\nQUIT");

	(void)state;
	for (size_t first = 0; first <= text.len; first++)
		for (size_t second = first; second <= text.len; second++) {
			size_t cuts[] = {0, first, second, text.len}, used = 0;
			struct body_reader wanted = read_cut(text, first, second, &used), reader;
			struct text out = TEXT_GROWING;
			struct slice left = SLICE_NONE;
			assert_non_null(text_reserve(&out, text.len + 1));
			text_clear(&out);
			body_begin(&reader);
			for (size_t i = 0; i < 3 && !reader.ended; i++) {
				char *at = out.at + out.len + body_gap(&reader);
				memcpy(at, text.at + cuts[i], cuts[i + 1] - cuts[i]);
				left = (struct slice){at, cuts[i + 1] - cuts[i]};
				body_read(&reader, &left, &out);
			}
			assert_true(reader.ended && wanted.ended);
			assert_true(slice_is(text_slice(&out), text_slice(&shared)));
			assert_true(slice_starts(slice_from(text, used), left));
			text_free(&out);
		}
}

static void a_dot_that_begins_a_line_is_stuffed_at_every_place(void **state)
{
	(void)state;
	for (size_t at = 0; at + 2 <= LONG; at++)
		for (size_t cut = 0; cut <= LONG; cut += 7) {
			char text[LONG];
			struct text out = TEXT_GROWING;
			bool at_start = true;
			lines_fill(text, LONG + 2);
			memcpy(text + at, "\n.", 2);
			body_stuff(&out, (struct slice){text, cut}, &at_start);
			body_stuff(&out, (struct slice){text + cut, LONG - cut}, &at_start);
			assert_int_equal(out.len, LONG + 1);
			assert_memory_equal(out.at, text, at + 1);
			assert_memory_equal(out.at + at + 1, "..", 2);
			assert_memory_equal(out.at + at + 3, text + at + 2, LONG - at - 2);
			text_free(&out);
		}
}

/* What chunks mean, found the slow way: all octets as they are, and the end of a last line. */
static struct reference chunk_reference_of(struct slice s)
{
	struct reference r = {.ended = true, .used = s.len};
	bool start = true;

	for (size_t i = 0; i < s.len; i++) {
		bool ends = i > 0 && has_crlf(s, i - 1), begins = has_crlf(s, i);
		r.out[r.len++] = s.at[i];
		r.has_dot_line |= start && s.at[i] == '.';
		r.bare_cr |= s.at[i] == '\r' && !begins;
		r.bare_lf |= s.at[i] == '\n' && !ends;
		r.nul |= s.at[i] == '\0';
		r.has_8bit |= (uint8_t)s.at[i] > 127;
		start = ends;
	}
	if (!start)
		r.len += (size_t)snprintf(r.out + r.len, 3, "\r\n");
	return r;
}

static void assert_chunks(struct slice s)
{
	struct reference r = chunk_reference_of(s);

	for (size_t cut = 0; cut <= s.len; cut++) {
		struct body_reader reader;
		text_clear(&shared);
		body_begin(&reader);
		body_take(&reader, slice_part(s, 0, cut), &shared);
		body_take(&reader, slice_from(s, cut), &shared);
		assert_false(reader.ended);
		body_complete(&reader, &shared);
		if (!agrees(&reader, s.len, &r))
			fail_msg("%zu octets, cut at %zu: %.*s", s.len, cut, SLICE_ARGS(s));
	}
}

static void chunks_end_nowhere_and_are_noted_like_data(void **state)
{
	char buffer[STRING_MAX];

	(void)state;
	for (size_t len = 0; len <= 6; len++) {
		size_t many = 1;
		for (size_t i = 0; i < len; i++)
			many *= 5;
		for (size_t which = 0; which < many; which++) {
			size_t rest = which;
			for (size_t i = 0; i < len; i++, rest /= 5)
				buffer[i] = letters[rest % 5];
			assert_chunks((struct slice){buffer, len});
		}
	}
	for (size_t letter = 0; letter < sizeof letters; letter++)
		for (size_t at = 0; at < 40; at++) {
			memset(buffer, 'x', 40);
			buffer[at] = letters[letter];
			assert_chunks((struct slice){buffer, 40});
		}
}

static int shared_free(void **state)
{
	(void)state;
	text_free(&shared);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_short_string_is_read_as_the_reference_reads_it),
		cmocka_unit_test(an_octet_in_a_long_line_is_seen_at_every_place),
		cmocka_unit_test(none_of_107_false_ends_of_data_ends_it),
		cmocka_unit_test(the_published_smuggling_forms_end_nothing),
		cmocka_unit_test(whatever_stands_in_long_lines_is_seen_at_every_place),
		cmocka_unit_test(a_piece_may_stand_where_it_is_kept),
		cmocka_unit_test(a_dot_that_begins_a_line_is_stuffed_at_every_place),
		cmocka_unit_test(chunks_end_nowhere_and_are_noted_like_data),
		cmocka_unit_test(what_is_stuffed_is_unstuffed_again),
		cmocka_unit_test(what_follows_the_end_is_left_for_the_next_command),
	};

	return cmocka_run_group_tests(tests, NULL, shared_free);
}
