/* SPDX-License-Identifier: Apache-2.0 */
/* Reading MIME: parts, encodings, charsets, encoded words, HTML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/decode.h"
#include "wire/entity.h"

static int arena_setup(void **state)
{
	*state = arena_new();
	return 0;
}

static int arena_teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static void assert_text(struct slice got, const char *want)
{
	if (!slice_is(got, slice_of(want)))
		fail_msg("want \"%s\", got \"%.*s\"", want, SLICE_ARGS(got));
}

static void parts_are_found_depth_first(void **state)
{
	struct entity entity;

	entity_read(SLICE("Content-Type: multipart/report; boundary=\"out er\"\r\n\r\npreamble\r\n"
			  "--out er\r\nContent-Type: TEXT/Plain\r\n\r\nfirst\r\n"
			  "--out er\r\nContent-Type: message/rfc822\r\n\r\n"
			  "Subject: inner\r\nContent-Type: multipart/mixed; boundary=out\r\n\r\n"
			  "--out\r\n\r\ndeep\r\n--out--\r\n"
			  "--out er--\r\nepilogue"),
		*state, &entity);
	static const struct {
		const char *type, *body;
		unsigned depth, messages;
	} parts[] = {
		{"multipart/report", NULL, 0, 0},
		{"text/plain", "first", 1, 0},
		{"message/rfc822", NULL, 1, 0},
		{"multipart/mixed", NULL, 2, 1},
		{"text/plain", "deep", 3, 1},
	};
	assert_int_equal(entity.count, 5);
	for (size_t i = 0; i < entity.count; i++) {
		assert_text(entity.parts[i].type, parts[i].type);
		assert_int_equal(entity.parts[i].depth, parts[i].depth);
		assert_int_equal(entity.parts[i].messages, parts[i].messages);
		if (parts[i].body)
			assert_text(entity.parts[i].body, parts[i].body);
	}
	assert_false(entity.cut);
}

static void a_boundary_that_begins_with_another_ends_only_its_own_part(void **state)
{
	struct entity entity;

	entity_read(SLICE("Content-Type: multipart/mixed; boundary=a\n\n--a\n"
			  "Content-Type: multipart/mixed; boundary=ab\n\n--ab\n\none\n--ab--\n"
			  "--a\n\ntwo\n--a--\n"),
		*state, &entity);
	assert_int_equal(entity.count, 4);
	assert_text(entity.parts[2].body, "one");
	assert_text(entity.parts[3].body, "two");
}

static void wrong_and_missing_boundaries_are_lived_with(void **state)
{
	struct entity entity;

	entity_read(
		SLICE("Content-Type: multipart/mixed; boundary=wrong\n\n--right\n\nx\n--right--\n"),
		*state, &entity);
	assert_int_equal(entity.count, 2);
	assert_text(entity.parts[1].body, "x");
	entity_read(SLICE("Content-Type: multipart/mixed; boundary=none\n\njust words\n"), *state,
		&entity);
	assert_int_equal(entity.count, 1);
	assert_text(entity.parts[0].type, "text/plain");
	assert_text(entity.parts[0].body, "just words\n");
}

static void the_separator_of_an_mbox_file_is_no_field_of_an_attached_mail(void **state)
{
	struct entity entity;

	entity_read(SLICE("Content-Type: message/rfc822\n\nFrom bob@far.example Sat Nov 21 09:30\n"
			  "Subject: inner\nContent-Type: text/html\n\nbody\n"),
		*state, &entity);
	assert_int_equal(entity.count, 2);
	assert_text(field_text_of(&entity.parts[1].headers, SLICE("Subject"), 0, *state), "inner");
	assert_true(part_is(&entity.parts[1], SLICE("text/html")));
}

static void charsets_have_names_of_mail_s_own(void **state)
{
	assert_text(text_of_charset(SLICE("bob+AEA-far"), SLICE("unicode-1-1-utf-7"), *state),
		"bob@far");
	assert_text(text_of_charset(SLICE("\x82\xa0"), SLICE("X-SJIS"), *state), "あ");
}

static void nesting_ends_at_its_limit(void **state)
{
	struct text deep = TEXT_GROWING;
	struct entity entity;

	for (unsigned i = 0; i < 1000; i++)
		text_put(&deep, SLICE("Content-Type: message/rfc822\n\n"));
	entity_read(text_slice(&deep), *state, &entity);
	assert_int_equal(entity.count, ENTITY_DEPTH_MAX);
	assert_true(entity.cut);
	text_clear(&deep);
	text_put(&deep, SLICE("Content-Type: multipart/mixed; boundary=b\n\n"));
	for (unsigned i = 0; i < 1000; i++)
		text_put(&deep, SLICE("--b\n\nx\n"));
	entity_read(text_slice(&deep), *state, &entity);
	assert_int_equal(entity.count, ENTITY_PARTS_MAX);
	assert_true(entity.cut);
	text_free(&deep);
}

static void bodies_are_decoded_to_utf8(void **state)
{
	static const struct {
		const char *message, *text;
	} cases[] = {
		{"\nplain\r\nlines\r", "plain\nlines\n"},
		{"Content-Transfer-Encoding: base64\n\nY2Fm\r\nw6k=\n", "caf\xc3\xa9"},
		{"Content-Transfer-Encoding: Quoted-Printable\n\na=\r\nb=3D=C3=A9 =\n=zz",
			"ab=\xc3\xa9 =zz"},
		{"Content-Type: text/plain; charset=iso-8859-1\n\ncaf\xe9", "caf\xc3\xa9"},
		{"Content-Type: text/plain; charset=\"x/nobody-knows\"\n\ncaf\xe9", "caf\xc3\xa9"},
		{"\ncaf\xe9", "caf\xc3\xa9"},
		{"Content-Type: text/plain; charset=utf-8\n\nbad \xff end", "bad \xc3\xbf end"},
		{"Content-Type: text/plain; charset=us-ascii\n\n\x1b$B$\"\x1b(B", "\xe3\x81\x82"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct entity entity;
		entity_read(slice_of(cases[i].message), *state, &entity);
		assert_text(part_text(&entity.parts[0], 1000, *state), cases[i].text);
	}
}

static void encoded_words_are_decoded(void **state)
{
	static const struct {
		const char *field, *text;
	} cases[] = {
		{"plain", "plain"},
		{"=?utf-8?Q?caf=C3=A9_au?= lait", "caf\xc3\xa9 au lait"},
		{"=?ISO-8859-1?q?caf=E9?=", "caf\xc3\xa9"},
		{"=?utf-8?B?w6k=?= =?utf-8?B?w6k=?=", "\xc3\xa9\xc3\xa9"},
		/* RFC 2047 5 forbids it, writers do it: a character in two words. */
		{"=?utf-8?B?ww==?= =?utf-8?B?qQ==?=", "\xc3\xa9"},
		{"=?utf-8*en?Q?x?=", "x"},
		{"=?broken", "=?broken"},
		{"=?utf-8?X?abc?=", "=?utf-8?X?abc?="},
		{"a =?utf-8?Q?b?= c", "a b c"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_text(words_decode(slice_of(cases[i].field), *state), cases[i].text);
}

static void parameters_are_read(void **state)
{
	static const struct {
		const char *field, *name, *value;
	} cases[] = {
		{" multipart/report; report-type=delivery-status; boundary=\"a;\\\"b\"", "boundary",
			"a;\"b"},
		{" multipart/report; REPORT-TYPE=delivery-status", "report-type",
			"delivery-status"},
		{" text/plain;\r\n\tcharset=utf-8", "charset", "utf-8"},
		{" text/plain; name*0=one; name*1=two", "name", "onetwo"},
		{" text/plain; name*=iso-8859-1'fr'caf%E9", "name", "caf\xc3\xa9"},
		{" text/plain", "charset", ""},
		{" text/plain; charset", "charset", ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_text(
			field_parameter(slice_of(cases[i].field), slice_of(cases[i].name), *state),
			cases[i].value);
}

static void html_becomes_lines(void **state)
{
	static const struct {
		const char *html, *text;
	} cases[] = {
		{"<p>one</p><p>two &lt;a@b&gt; &amp;&nbsp;x</p>", "one\ntwo <a@b> & x\n"},
		{"<style>p { }</style>words<script>x < y</script> end", "words end"},
		{"<!-- a > b -->shown", "shown"},
		{"to <user@example.org> failed", "to <user@example.org> failed"},
		{"a &#233; &#x2603; &#xD800; &unknown; &",
			"a \xc3\xa9 \xe2\x98\x83 \xef\xbf\xbd &unknown; &"},
		{"<b", "<b"},
		{"<style>never ends", ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_text(html_text(slice_of(cases[i].html), *state), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_found_depth_first),
		cmocka_unit_test(a_boundary_that_begins_with_another_ends_only_its_own_part),
		cmocka_unit_test(wrong_and_missing_boundaries_are_lived_with),
		cmocka_unit_test(the_separator_of_an_mbox_file_is_no_field_of_an_attached_mail),
		cmocka_unit_test(charsets_have_names_of_mail_s_own),
		cmocka_unit_test(nesting_ends_at_its_limit),
		cmocka_unit_test(bodies_are_decoded_to_utf8),
		cmocka_unit_test(encoded_words_are_decoded),
		cmocka_unit_test(parameters_are_read),
		cmocka_unit_test(html_becomes_lines),
	};

	return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
