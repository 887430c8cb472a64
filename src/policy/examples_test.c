/* SPDX-License-Identifier: Apache-2.0 */
/* The configurations given as arguments load without an error or a warning, and bundling them
 * changes nothing. */
#include "policy/testing.h"

static char **paths;

static void every_example_loads_without_a_complaint(void **state)
{
	(void)state;
	for (char **path = paths; *path; path++) {
		struct arena *arena = arena_new();
		struct bundle bundle, opened;
		struct complaints complaints;
		bundle_gather(*path, arena, &bundle);
		assert_true(bundle_open(bundle.bytes, arena, &opened));
		opened.gateways = SLICE_NONE; /* of this host: what is said must not depend on it */
		complaints_init(&complaints);
		struct policy *policy = policy_load(&opened, &complaints);
		test_print(&complaints);
		assert_non_null(policy);
		assert_int_equal(complaints.count, 0);
		policy_unref(policy);
		complaints_free(&complaints);
		arena_free(arena);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_loads_without_a_complaint),
	};
	if (argc < 2)
		return 2;
	paths = argv + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
