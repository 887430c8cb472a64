/* SPDX-License-Identifier: Apache-2.0 */
#include "packets/asking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "packets/round_trip.h"

#define BOTH(field) (sent.field == got.field)
#define BOTH_SLICE(field) slice_is(sent.field, got.field)

ROUND_TRIP(ask_comes_back, asking_ask, false, BOTH(request) && BOTH_SLICE(address), .request = 7,
	.address = SLICE("alice@example.org"))
ROUND_TRIP(answer_comes_back, asking_answer, false,
	BOTH(request) && BOTH(found) && BOTH_SLICE(because), .request = 7,
	.found = ASKING_CANNOT_TELL, .because = SLICE("10.0.0.7:25: it does not answer"))

static void an_answer_is_one_of_three(void **state)
{
	const struct asking_answer sent = {.found = ASKING_FOUNDS};
	struct asking_answer got;
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	(void)state;
	asking_answer_write(&out, &sent);
	assert_false(asking_answer_read(writer_slice(&out), &got));
}

static void nobody_is_no_question(void **state)
{
	const struct asking_ask sent = {.request = 1};
	struct asking_ask got;
	char body[64];
	struct writer out = writer_over(body, sizeof body);

	(void)state;
	asking_ask_write(&out, &sent);
	assert_false(asking_ask_read(writer_slice(&out), &got));
}

static void an_address_has_its_bound_and_words_are_cut_to_theirs(void **state)
{
	static const char xs[ASKING_ADDRESS_MAX + 1] = "x";
	static char body[2 * ASKING_ADDRESS_MAX];
	struct writer out = writer_over(body, sizeof body);
	struct asking_ask ask;
	struct asking_answer answer;

	(void)state;
	asking_ask_write(&out, &(struct asking_ask){1, {xs, sizeof xs}});
	assert_false(asking_ask_read(writer_slice(&out), &ask));
	out = writer_over(body, sizeof body);
	asking_answer_write(&out, &(struct asking_answer){1, ASKING_KNOWN, {xs, sizeof xs}});
	assert_true(asking_answer_read(writer_slice(&out), &answer));
	assert_int_equal(answer.because.len, ASKING_BECAUSE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ask_comes_back),
		cmocka_unit_test(answer_comes_back),
		cmocka_unit_test(an_answer_is_one_of_three),
		cmocka_unit_test(nobody_is_no_question),
		cmocka_unit_test(an_address_has_its_bound_and_words_are_cut_to_theirs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
