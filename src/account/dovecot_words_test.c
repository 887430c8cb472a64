/* SPDX-License-Identifier: Apache-2.0 */
#include "account/dovecot_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct arena *arena;

static int arena_make(void **state)
{
	(void)state;
	arena = arena_new();
	return 0;
}

static int arena_drop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void a_line_is_parted_at_its_tabs(void **state)
{
	struct dovecot_line line = dovecot_line_read(SLICE("OK\t1\tuser=alice\tnologin"));
	struct slice value;

	(void)state;
	assert_true(slice_is(line.command, SLICE("OK")));
	assert_true(slice_is(line.id, SLICE("1")));
	assert_true(dovecot_value(line.rest, SLICE("user"), arena, &value));
	assert_true(slice_is(value, SLICE("alice")));
	assert_true(dovecot_value(line.rest, SLICE("nologin"), arena, &value));
	assert_int_equal(value.len, 0);
	assert_false(dovecot_value(line.rest, SLICE("use"), arena, &value));
	assert_false(dovecot_value(SLICE_NONE, SLICE("user"), arena, &value));
}

static void what_would_part_words_is_escaped(void **state)
{
	struct text text = TEXT_GROWING;
	struct slice value;

	(void)state;
	text_dovecot(&text, SLICE("a\tb\nc\rd\1e\0f"));
	assert_true(slice_is(text_slice(&text), SLICE("a\1tb\1nc\1rd\1"
						      "1e\1"
						      "0f")));
	text_free(&text);
	assert_true(dovecot_value(SLICE("reason=a\1tb\1"), SLICE("reason"), arena, &value));
	assert_true(slice_is(value, SLICE("a\tb\1")));
}

static void an_account_has_what_its_fields_say(void **state)
{
	struct account account = {0};

	(void)state;
	dovecot_account(SLICE("user=Alice@A.example\tpostern_owns=x@a.example, bad,*@b.example"
			      "\tpostern_groups=staff,a b,board"),
		SLICE("alice"), arena, &account);
	assert_true(slice_is(account.login, SLICE("alice@a.example")));
	assert_int_equal(account.owned_count, 2);
	assert_true(slice_is(account.owned[1], SLICE("*@b.example")));
	assert_int_equal(account.group_count, 2);
	assert_true(slice_is(account.groups[1], SLICE("board")));
}

static void who_is_named_by_nobody_has_the_name_that_was_asked(void **state)
{
	struct account account = {0};

	(void)state;
	dovecot_account(SLICE("uid=5"), SLICE("alice"), arena, &account);
	assert_true(slice_is(account.login, SLICE("alice")));
	dovecot_account(SLICE("user=a b"), SLICE("alice"), arena, &account);
	assert_true(slice_is(account.login, SLICE("alice")));
	assert_int_equal(account.owned_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_parted_at_its_tabs),
		cmocka_unit_test(what_would_part_words_is_escaped),
		cmocka_unit_test(an_account_has_what_its_fields_say),
		cmocka_unit_test(who_is_named_by_nobody_has_the_name_that_was_asked),
	};
	return cmocka_run_group_tests(tests, arena_make, arena_drop);
}
