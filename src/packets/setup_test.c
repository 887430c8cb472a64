/* SPDX-License-Identifier: Apache-2.0 */
#include "packets/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "packets/round_trip.h"

#define BOTH(field) (sent.field == got.field)
#define BOTH_SLICE(field) slice_is(sent.field, got.field)

ROUND_TRIP(hello_comes_back, setup_hello, false, BOTH(role) && BOTH(slot) && BOTH_SLICE(build),
	.role = ROLE_QUEUE, .slot = 0x1234, .build = SLICE("0.1.0-abcdef"))
ROUND_TRIP(bundle_comes_back, setup_bundle, false, BOTH(generation), .generation = 0xfedcba98)
ROUND_TRIP(prepared_comes_back, setup_prepared, false,
	BOTH(generation) && BOTH(ok) && BOTH_SLICE(words), .generation = 7, .ok = true,
	.words = SLICE("warned"))
ROUND_TRIP(not_prepared_comes_back, setup_prepared, false,
	BOTH(generation) && BOTH(ok) && BOTH_SLICE(words), .generation = 8, .ok = false,
	.words = SLICE("no such file"))
ROUND_TRIP(
	peer_comes_back, setup_peer, false, BOTH(role) && BOTH(slot), .role = ROLE_EDGE, .slot = 3)
ROUND_TRIP(grant_comes_back, setup_grant, false,
	BOTH(what) && BOTH_SLICE(service) && BOTH_SLICE(address), .what = GRANT_STATE_FOLDER,
	.service = SLICE("smtp"), .address = SLICE("127.0.0.1:2525"))
ROUND_TRIP(stop_comes_back, setup_stop, false, BOTH(grace_ms), .grace_ms = 30000)
ROUND_TRIP(ended_comes_back, setup_ended, false, BOTH(status), .status = 75)
ROUND_TRIP(reload_comes_back, setup_reload, false, BOTH(request), .request = 9)
ROUND_TRIP(reloaded_comes_back, setup_reloaded, false,
	BOTH(request) && BOTH(ok) && BOTH_SLICE(words), .request = 9, .ok = true,
	.words = SLICE("policy 0123"))

static void a_role_that_does_not_exist_is_refused(void **state)
{
	char body[4] = {ROLE_NAMES, 0, 0, 0};
	struct setup_peer peer;

	(void)state;
	assert_false(setup_peer_read((struct slice){body, sizeof body}, &peer));
	body[0] = ROLE_NAMES - 1;
	assert_true(setup_peer_read((struct slice){body, sizeof body}, &peer));
}

static void a_truth_value_of_two_is_refused(void **state)
{
	char body[7] = {1, 0, 0, 0, 2, 0, 0};
	struct setup_prepared prepared;

	(void)state;
	assert_false(setup_prepared_read((struct slice){body, sizeof body}, &prepared));
	body[4] = 1;
	assert_true(setup_prepared_read((struct slice){body, sizeof body}, &prepared));
}

static void every_role_is_found_by_its_text(void **state)
{
	enum role_name found;

	(void)state;
	for (unsigned name = 0; name < ROLE_NAMES; name++) {
		assert_true(role_name_find(slice_of(role_name_text((enum role_name)name)), &found));
		assert_int_equal(found, name);
	}
	assert_false(role_name_find(SLICE("edges"), &found));
	assert_false(role_name_find(SLICE_NONE, &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_comes_back),
		cmocka_unit_test(bundle_comes_back),
		cmocka_unit_test(prepared_comes_back),
		cmocka_unit_test(not_prepared_comes_back),
		cmocka_unit_test(peer_comes_back),
		cmocka_unit_test(grant_comes_back),
		cmocka_unit_test(stop_comes_back),
		cmocka_unit_test(ended_comes_back),
		cmocka_unit_test(reload_comes_back),
		cmocka_unit_test(reloaded_comes_back),
		cmocka_unit_test(a_role_that_does_not_exist_is_refused),
		cmocka_unit_test(a_truth_value_of_two_is_refused),
		cmocka_unit_test(every_role_is_found_by_its_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
