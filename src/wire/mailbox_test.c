/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: tables of our own, then the public vectors of POSTERN_CORPORA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "wire/mailbox.h"

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define LABEL63 A16 A16 A16 "aaaaaaaaaaaaaaa"

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

static void assert_slice(struct slice got, const char *want)
{
	struct slice wanted = slice_of(want);

	if (!slice_is(got, wanted))
		fail_msg("got \"%.*s\", want \"%s\"", SLICE_ARGS(got), want);
}

static void bare_addresses_have_one_form(void **state)
{
	static const struct {
		const char *given, *text, *local, *domain;
	} cases[] = {
		{"user@example.org", "user@example.org", "user", "example.org"},
		{"User@Example.ORG", "User@example.org", "User", "example.org"},
		{"\"user\"@example.org", "user@example.org", "user", "example.org"},
		{"\"u\\s\\er\"@example.org", "user@example.org", "user", "example.org"},
		{"\"a b\"@example.org", "\"a b\"@example.org", "a b", "example.org"},
		{"\"a\\\"b\"@example.org", "\"a\\\"b\"@example.org", "a\"b", "example.org"},
		{"\"a\\\\\"@example.org", "\"a\\\\\"@example.org", "a\\", "example.org"},
		{"\"a@b\"@example.org", "\"a@b\"@example.org", "a@b", "example.org"},
		{"\".a\"@example.org", "\".a\"@example.org", ".a", "example.org"},
		{"\"\"@example.org", "\"\"@example.org", "", "example.org"},
		{"!#$%&'*+-/=?^_`{|}~@b", "!#$%&'*+-/=?^_`{|}~@b", "!#$%&'*+-/=?^_`{|}~", "b"},
		{"u@[192.0.2.1]", "u@[192.0.2.1]", "u", "[192.0.2.1]"},
		{"u@[ipv6:2001:DB8:0::1]", "u@[IPv6:2001:db8::1]", "u", "[IPv6:2001:db8::1]"},
		{"u@[IPv6:::ffff:192.0.2.1]", "u@[192.0.2.1]", "u", "[192.0.2.1]"},
		{"u@b\xc3\xbc"
		 "cher.example",
			"u@xn--bcher-kva.example", "u", "xn--bcher-kva.example"},
		{"u@B\xc3\x9c"
		 "CHER.example",
			"u@xn--bcher-kva.example", "u", "xn--bcher-kva.example"},
		{"u@XN--BCHER-KVA.example", "u@xn--bcher-kva.example", "u",
			"xn--bcher-kva.example"},
		/* IDNA 2008, non-transitional: the sharp s stays */
		{"u@fa\xc3\x9f.example", "u@xn--fa-hia.example", "u", "xn--fa-hia.example"},
		/* e and a combining acute become one character */
		{"e\xcc\x81@example.org", "\xc3\xa9@example.org", "\xc3\xa9", "example.org"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mailbox mailbox;
		enum mailbox_fault fault =
			mailbox_parse(slice_of(cases[i].given), *state, &mailbox);
		if (fault != MAILBOX_OK)
			fail_msg("%s: %s", cases[i].given, mailbox_fault_text(fault));
		assert_slice(mailbox.text, cases[i].text);
		assert_slice(mailbox.local, cases[i].local);
		assert_slice(mailbox.domain, cases[i].domain);
		assert_int_equal(mailbox.quoted, cases[i].text[0] == '"');
		assert_int_equal(mailbox.is_literal, cases[i].domain[0] == '[');
		/* the one form is a fixed point */
		struct mailbox again;
		assert_int_equal(mailbox_parse(mailbox.text, *state, &again), MAILBOX_OK);
		assert_true(slice_is(again.text, mailbox.text));
	}
}

static void wrong_addresses_are_refused_with_their_reason(void **state)
{
	static const struct {
		struct slice given;
		enum mailbox_fault fault;
	} cases[] = {
		{SLICE(""), MAILBOX_BAD_LOCAL},
		{SLICE("user"), MAILBOX_NO_DOMAIN},
		{SLICE("postmaster"), MAILBOX_NO_DOMAIN},
		{SLICE("@example.org"), MAILBOX_BAD_LOCAL},
		{SLICE(".a@b"), MAILBOX_BAD_LOCAL},
		{SLICE("a.@b"), MAILBOX_BAD_LOCAL},
		{SLICE("a..b@c"), MAILBOX_BAD_LOCAL},
		{SLICE("a b@c"), MAILBOX_BAD_LOCAL},
		{SLICE("(c)a@b"), MAILBOX_BAD_LOCAL},
		{SLICE("\"a@b"), MAILBOX_BAD_LOCAL},
		{SLICE("\"a\"b@c"), MAILBOX_BAD_LOCAL},
		{SLICE("\"a\\"), MAILBOX_BAD_LOCAL},
		{SLICE("a@"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@b."), MAILBOX_BAD_DOMAIN},
		{SLICE("a@.b"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@b..c"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@-b.c"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@b-.c"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@b_c.d"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@b@c"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@b c"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@b>"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@[1.2.3]"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@[1.2.3.4"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@[1.2.3.4]x"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@[::1]"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@[IPv6:1.2.3.4]"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@[tag:x]"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@[]"), MAILBOX_BAD_DOMAIN},
		{SLICE("a\0b@c"), MAILBOX_BAD_BYTES},
		{SLICE("a@b\0c"), MAILBOX_BAD_BYTES},
		{SLICE("a@b.c\r\nRCPT TO:<x@y>"), MAILBOX_BAD_BYTES},
		{SLICE("\"a\r\n\"@c"), MAILBOX_BAD_BYTES},
		{SLICE("\"a\\\nb\"@c"), MAILBOX_BAD_BYTES},
		{SLICE("a\x7f@c"), MAILBOX_BAD_BYTES},
		{SLICE("\xff@c"), MAILBOX_BAD_BYTES},
		{SLICE("\xc2\x85@c"), MAILBOX_BAD_BYTES},
		{SLICE("a@\xc3.example"), MAILBOX_BAD_BYTES},
		/* dots that only look like dots: U+FF0E, U+3002, U+FF61, and U+2024 */
		{SLICE("a@evil\xef\xbc\x8e"
		       "example.org"),
			MAILBOX_BAD_DOMAIN},
		{SLICE("a@evil\xe3\x80\x82"
		       "example.org"),
			MAILBOX_BAD_DOMAIN},
		{SLICE("a@evil\xef\xbd\xa1"
		       "example.org"),
			MAILBOX_BAD_DOMAIN},
		{SLICE("a@evil\xe2\x80\xa4"
		       "example.org"),
			MAILBOX_BAD_DOMAIN},
		{SLICE("a@example.org\xe3\x80\x82"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@evil\xef\xbc\xa0"
		       "example.org"),
			MAILBOX_BAD_DOMAIN},
		{SLICE(A64 "a@b"), MAILBOX_TOO_LONG},
		{SLICE("\"" A64 "\"@b"), MAILBOX_TOO_LONG},
		{SLICE("a@" LABEL63 "a.b"), MAILBOX_BAD_DOMAIN},
		{SLICE("a@" LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 ".b"), MAILBOX_TOO_LONG},
		{SLICE(A64 "@" LABEL63 "." LABEL63 "." LABEL63), MAILBOX_TOO_LONG},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mailbox mailbox;
		enum mailbox_fault fault = mailbox_parse(cases[i].given, *state, &mailbox);
		if (fault != cases[i].fault)
			fail_msg("%.*s: got \"%s\"", SLICE_ARGS(cases[i].given),
				mailbox_fault_text(fault));
	}
}

static void the_longest_allowed_parts_pass(void **state)
{
	struct mailbox mailbox;

	assert_int_equal(mailbox_parse(SLICE(A64 "@b"), *state, &mailbox), MAILBOX_OK);
	assert_int_equal(mailbox_parse(SLICE("a@" LABEL63 ".b"), *state, &mailbox), MAILBOX_OK);
	/* 64 + 1 + 189 = 254: a path of 256 with its brackets */
	assert_int_equal(mailbox_parse(SLICE(A64 "@" LABEL63 "." LABEL63 "." A16 A16 A16 A16 "a"),
				 *state, &mailbox),
		MAILBOX_BAD_DOMAIN);
	assert_int_equal(
		mailbox_parse(SLICE(A64 "@" LABEL63 "." LABEL63 "." A16 A16 A16 ".aaaaaaaaaaaa"),
			*state, &mailbox),
		MAILBOX_OK);
	assert_int_equal(mailbox.text.len, 254);
}

static void paths_are_read_and_what_follows_is_left(void **state)
{
	static const struct {
		struct slice given;
		const char *text, *left;
		enum mailbox_fault fault;
	} cases[] = {
		{SLICE("<>"), "", "", MAILBOX_OK},
		{SLICE("<> SIZE=5"), "", " SIZE=5", MAILBOX_OK},
		{SLICE("<a@b> X"), "a@b", " X", MAILBOX_OK},
		{SLICE("<Postmaster>"), "Postmaster", "", MAILBOX_OK},
		{SLICE("<\"postmaster\">"), "postmaster", "", MAILBOX_OK},
		{SLICE("<\"a>b\"@c> X"), "\"a>b\"@c", " X", MAILBOX_OK},
		{SLICE("<@a,@b.c:user@Example.ORG> S"), "user@example.org", " S", MAILBOX_OK},
		{SLICE("<@[192.0.2.1]:user@b>"), "user@b", "", MAILBOX_OK},
		{SLICE("<@[IPv6:::1]:user@b>"), "user@b", "", MAILBOX_OK},
		{SLICE("<user>"), NULL, NULL, MAILBOX_NO_DOMAIN},
		{SLICE("<root>"), NULL, NULL, MAILBOX_NO_DOMAIN},
		{SLICE("a@b"), NULL, NULL, MAILBOX_NO_BRACKETS},
		{SLICE(""), NULL, NULL, MAILBOX_NO_BRACKETS},
		{SLICE("<a@b"), NULL, NULL, MAILBOX_NO_BRACKETS},
		{SLICE("<a@b>x"), NULL, NULL, MAILBOX_TRAILING},
		{SLICE("<a@b>>"), NULL, NULL, MAILBOX_TRAILING},
		{SLICE("<a@b>\0"), NULL, NULL, MAILBOX_TRAILING},
		{SLICE("<<a@b>>"), NULL, NULL, MAILBOX_BAD_LOCAL},
		{SLICE("<@a>"), NULL, NULL, MAILBOX_BAD_ROUTE},
		{SLICE("<@a:>"), NULL, NULL, MAILBOX_BAD_LOCAL},
		{SLICE("<@a,:u@b>"), NULL, NULL, MAILBOX_BAD_ROUTE},
		{SLICE("<@:u@b>"), NULL, NULL, MAILBOX_BAD_ROUTE},
		{SLICE("<@a.:u@b>"), NULL, NULL, MAILBOX_BAD_ROUTE},
		{SLICE("< a@b>"), NULL, NULL, MAILBOX_BAD_LOCAL},
		{SLICE("<a@b >"), NULL, NULL, MAILBOX_BAD_DOMAIN},
		{SLICE("<\xc3\xa9@b>"), NULL, NULL, MAILBOX_NEEDS_SMTPUTF8},
		{SLICE("<a@\xc3\xa9.b>"), NULL, NULL, MAILBOX_NEEDS_SMTPUTF8},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mailbox mailbox;
		struct slice s = cases[i].given;
		enum mailbox_fault fault = mailbox_read_path(&s, false, *state, &mailbox);
		if (fault != cases[i].fault)
			fail_msg("%.*s: got \"%s\"", SLICE_ARGS(cases[i].given),
				mailbox_fault_text(fault));
		if (fault != MAILBOX_OK)
			continue;
		assert_slice(mailbox.text, cases[i].text);
		assert_slice(s, cases[i].left);
		assert_int_equal(mailbox.is_null, cases[i].text[0] == '\0');
		assert_int_equal(mailbox.is_postmaster, mailbox.local.len == 10);
	}
}

static void smtputf8_lets_characters_beyond_ascii_pass(void **state)
{
	struct slice s = SLICE("<\xc3\xa9@b> SMTPUTF8");
	struct mailbox mailbox;

	assert_int_equal(mailbox_read_path(&s, true, *state, &mailbox), MAILBOX_OK);
	assert_true(mailbox.needs_smtputf8);
}

static void local_keys_ignore_case_and_tags(void **state)
{
	static const char *const cases[][2] = {
		{"Alice+tag@b", "alice"},
		{"alice+a+b@b", "alice"},
		{"ALICE@b", "alice"},
		{"+tag@b", "+tag"},
		{"\"A B+c\"@b", "a b"},
		{"\xc3\x89ric@b", "\xc3\xa9ric"},
		{"\"\"@b", ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mailbox mailbox;
		assert_int_equal(
			mailbox_parse(slice_of(cases[i][0]), *state, &mailbox), MAILBOX_OK);
		assert_slice(mailbox_local_key(&mailbox, *state), cases[i][1]);
	}
}

static void local_parts_that_read_as_addresses_are_risky(void **state)
{
	static const struct {
		const char *given;
		bool risky;
	} cases[] = {
		{"alice@b", false},
		{"a-b.c|d@b", false},
		{"a%c@b", true},
		{"c!a@b", true},
		{"\"a@c\"@b", true},
		{"\"c:a\"@b", true},
		{"a/b@b", true},
		{"|sh@b", true},
		{"-o@b", true},
		{"\".a\"@b", true},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mailbox mailbox;
		assert_int_equal(
			mailbox_parse(slice_of(cases[i].given), *state, &mailbox), MAILBOX_OK);
		assert_int_equal(mailbox_is_risky(&mailbox), cases[i].risky);
	}
}

/* The file has lone surrogates, which jansson refuses, in vectors of no interest here: they become
 * U+FFFD. */
static void surrogates_replace(char *json)
{
	for (char *at = json; (at = strstr(at, "\\ud")); at++)
		if (strchr("89abcdef", at[3]))
			memcpy(at, "\\ufffd", 6);
}

static json_t *corpus_load(const char *file)
{
	const char *folder = getenv("POSTERN_CORPORA");
	char path[1024];

	snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/corpora", file);
	FILE *stream = fopen(path, "rb");
	if (!stream) {
		print_message("skipped: no %s (set POSTERN_CORPORA)\n", path);
		return NULL;
	}
	enum { FILE_MAX = 1 << 20 };
	char *text = calloc(1, FILE_MAX);
	assert_non_null(text);
	assert_true(fread(text, 1, FILE_MAX - 1, stream) > 0);
	fclose(stream);
	surrogates_replace(text);
	json_t *all = json_loads(text, JSON_ALLOW_NUL, NULL);
	free(text);
	assert_non_null(all);
	return all;
}

/* 1 should be accepted, 0 refused, -1 says nothing about SMTP. */
static int vector_verdict(const json_t *vector)
{
	const char *category = json_string_value(json_object_get(vector, "category"));
	const json_t *valid = json_object_get(vector, "valid_rfc5321");

	if (!category || !valid)
		return -1;
	if (json_is_true(valid))
		return 1;
	return strstr(category, "ERR") ? 0 : -1;
}

static void the_isemail_vectors_are_answered_as_they_say(void **state)
{
	json_t *all = corpus_load("smtp-addresses/open/addresses.json"), *vector;
	size_t i, wrong = 0, tried = 0;

	if (!all)
		skip();
	json_array_foreach(all, i, vector)
	{
		const char *name = json_string_value(json_object_get(vector, "name"));
		const json_t *address = json_object_get(vector, "address");
		struct slice s = {json_string_value(address), json_string_length(address)};
		struct mailbox mailbox;
		int verdict = vector_verdict(vector);
		if (verdict < 0)
			continue;
		tried++;
		enum mailbox_fault fault = mailbox_parse(s, *state, &mailbox);
		if ((fault == MAILBOX_OK) == (verdict == 1))
			continue;
		wrong++;
		print_error("%s: %.*s: %s\n", name, SLICE_ARGS(s), mailbox_fault_text(fault));
	}
	json_decref(all);
	assert_true(tried > 40);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bare_addresses_have_one_form),
		cmocka_unit_test(wrong_addresses_are_refused_with_their_reason),
		cmocka_unit_test(the_longest_allowed_parts_pass),
		cmocka_unit_test(paths_are_read_and_what_follows_is_left),
		cmocka_unit_test(smtputf8_lets_characters_beyond_ascii_pass),
		cmocka_unit_test(local_keys_ignore_case_and_tags),
		cmocka_unit_test(local_parts_that_read_as_addresses_are_risky),
		cmocka_unit_test(the_isemail_vectors_are_answered_as_they_say),
	};

	return cmocka_run_group_tests(tests, arena_setup, arena_teardown);
}
