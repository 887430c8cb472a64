/* SPDX-License-Identifier: Apache-2.0 */
#include "packets/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "packets/round_trip.h"

#define BOTH(field) (sent.field == got.field)
#define BOTH_SLICE(field) slice_is(sent.field, got.field)
#define TWO_RECORDS SLICE("\x0a\0\4\0\x7f\0\0\1\x14\0\0\0")

ROUND_TRIP(ask_comes_back, resolve_ask, false, BOTH(request) && BOTH(type) && BOTH_SLICE(name),
	.request = 1, .type = 15, .name = SLICE("example.org"))
ROUND_TRIP(answer_comes_back, resolve_answer, false,
	BOTH(request) && BOTH(outcome) && BOTH(secure) && BOTH(cut) && BOTH(ttl) && BOTH(count) &&
		BOTH_SLICE(records) && BOTH_SLICE(why),
	.request = 1, .outcome = 2, .secure = true, .cut = false, .ttl = 3600, .count = 2,
	.records = TWO_RECORDS, .why = SLICE("none"))

ROUND_TRIP(health_comes_back, resolve_health, false,
	BOTH(of_domains) && BOTH(believed) && BOTH_SLICE(zone) && BOTH_SLICE(why),
	.of_domains = true, .believed = false, .zone = SLICE("bl.example"),
	.why = SLICE("it lists everything"))

static void records_come_back_in_order(void **state)
{
	char buffer[64];
	struct writer out = writer_over(buffer, sizeof buffer);
	const struct resolve_record first = {10, SLICE("\x7f\0\0\1")}, second = {20, SLICE_NONE};
	struct resolve_record got;

	(void)state;
	resolve_record_write(&out, &first);
	resolve_record_write(&out, &second);
	assert_true(slice_is(writer_slice(&out), TWO_RECORDS));
	struct reader in = reader_of(writer_slice(&out));
	assert_true(resolve_record_read(&in, &got));
	assert_int_equal(got.preference, 10);
	assert_true(slice_is(got.data, first.data));
	assert_true(resolve_record_read(&in, &got));
	assert_int_equal(got.preference, 20);
	assert_true(read_at_end(&in));
	assert_false(resolve_record_read(&in, &got));
}

static bool answer_with_count_is_read(uint16_t count)
{
	const struct resolve_answer sent = {.count = count, .records = TWO_RECORDS};
	struct resolve_answer got;
	char body[256];
	struct writer out = writer_over(body, sizeof body);

	resolve_answer_write(&out, &sent);
	return resolve_answer_read(writer_slice(&out), &got);
}

static void an_answer_holds_exactly_the_records_it_promises(void **state)
{
	(void)state;
	assert_false(answer_with_count_is_read(1));
	assert_true(answer_with_count_is_read(2));
	assert_false(answer_with_count_is_read(3));
	assert_false(answer_with_count_is_read(UINT16_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ask_comes_back),
		cmocka_unit_test(answer_comes_back),
		cmocka_unit_test(health_comes_back),
		cmocka_unit_test(records_come_back_in_order),
		cmocka_unit_test(an_answer_holds_exactly_the_records_it_promises),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
