/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static const struct kept_answer yes = {.found = ANSWER_FOUND, .because = SLICE("sqlite: found")};
static const struct kept_answer no = {.found = ANSWER_NOT_FOUND};

static void an_answer_is_kept_until_its_time_is_over(void **state)
{
	struct kept_answers *kept = known_new(1, 10);
	struct kept_answer got;

	(void)state;
	known_put(kept, ASK_STANDS, SLICE("alice"), 100, &yes);
	assert_true(known_find(kept, ASK_STANDS, SLICE("alice"), 99, &got));
	assert_int_equal(got.found, ANSWER_FOUND);
	assert_true(slice_is(got.because, SLICE("sqlite: found")));
	assert_false(known_find(kept, ASK_STANDS, SLICE("alice"), 100, &got));
	assert_int_equal(known_count(kept), 0);
	known_free(kept);
}

static void each_question_about_a_subject_has_its_own(void **state)
{
	struct kept_answers *kept = known_new(1, 10);
	struct kept_answer got;

	(void)state;
	known_put(kept, ASK_STANDS, SLICE("alice"), 100, &yes);
	known_put(kept, ASK_MAILBOX, SLICE("alice"), 100, &no);
	assert_false(known_find(kept, ASK_OWNED, SLICE("alice"), 1, &got));
	assert_true(known_find(kept, ASK_MAILBOX, SLICE("alice"), 1, &got));
	assert_int_equal(got.found, ANSWER_NOT_FOUND);
	known_put(kept, ASK_MAILBOX, SLICE("alice"), 100, &yes);
	assert_true(known_find(kept, ASK_MAILBOX, SLICE("alice"), 1, &got));
	assert_int_equal(got.found, ANSWER_FOUND);
	assert_int_equal(known_count(kept), 2);
	known_free(kept);
}

static void above_the_most_the_oldest_goes(void **state)
{
	struct kept_answers *kept = known_new(1, 3);
	struct kept_answer got;
	char name[16];

	(void)state;
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "u%d", i);
		known_put(kept, ASK_STANDS, slice_of(name), 100, &yes);
	}
	assert_int_equal(known_count(kept), 3);
	assert_false(known_find(kept, ASK_STANDS, SLICE("u1"), 1, &got));
	assert_true(known_find(kept, ASK_STANDS, SLICE("u2"), 1, &got));
	known_forget(kept);
	assert_int_equal(known_count(kept), 0);
	known_free(kept);
}

static void a_subject_of_any_length_is_looked_up(void **state)
{
	static char much[SIGNIN_SUBJECT_MAX + 1];
	struct kept_answers *kept = known_new(1, 3);
	struct kept_answer got;

	(void)state;
	known_put(kept, ASK_STANDS, (struct slice){much, sizeof much}, 100, &yes);
	assert_false(known_find(kept, ASK_STANDS, (struct slice){much, sizeof much}, 1, &got));
	known_put(kept, ASK_STANDS, (struct slice){much, sizeof much - 1}, 100, &yes);
	assert_true(known_find(kept, ASK_STANDS, (struct slice){much, sizeof much - 1}, 1, &got));
	known_free(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_kept_until_its_time_is_over),
		cmocka_unit_test(each_question_about_a_subject_has_its_own),
		cmocka_unit_test(above_the_most_the_oldest_goes),
		cmocka_unit_test(a_subject_of_any_length_is_looked_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
