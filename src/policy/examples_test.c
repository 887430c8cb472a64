/* SPDX-License-Identifier: Apache-2.0 */
/* The configurations given as arguments load, their `expect` lines hold, nothing is said of them
 * but what this version lacks, and bundling them changes nothing. The policy of gateway.conf, which
 * takes other servers 33 to 64 lines, stays short. */
#include "policy/testing.h"

#include "policy/model.h"

enum { GATEWAY_LINES_MAX = 20 };

static char **paths;

/* What later versions bring, and what is said without being wrong. */
static bool is_of_this_version(const struct complaint *complaint)
{
	return complaint->severity == SEVERITY_NOTE ||
	       slice_starts(complaint->what, SLICE("this version does not")) ||
	       slice_matches(complaint->what, SLICE("*has no effect in this version*"));
}

static size_t other_complaints(const struct complaints *complaints)
{
	size_t count = 0;

	for (size_t i = 0; i < complaints->count; i++)
		count += !is_of_this_version(&complaints->list[i]);
	return count;
}

static void every_example_loads_and_its_expectations_hold(void **state)
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
		if (!policy || other_complaints(&complaints) > 0)
			test_print(&complaints);
		assert_non_null(policy);
		assert_int_equal(other_complaints(&complaints), 0);
		assert_true(policy->expects.count > 0);
		policy_unref(policy);
		complaints_free(&complaints);
		arena_free(arena);
	}
}

static size_t lines_of_policy(const char *path)
{
	char line[500];
	size_t count = 0;
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	while (fgets(line, sizeof line, file)) {
		struct slice text = slice_trim(slice_of(line));
		bool counts =
			text.len > 1 && text.at[0] != '#' && !slice_starts(text, SLICE("expect "));
		count += counts;
	}
	fclose(file);
	return count;
}

static void the_policy_that_takes_others_many_lines_is_short(void **state)
{
	size_t found = 0;

	(void)state;
	for (char **path = paths; *path; path++) {
		if (!slice_matches(slice_of(*path), SLICE("*gateway.conf")))
			continue;
		assert_in_range(lines_of_policy(*path), 1, GATEWAY_LINES_MAX);
		found++;
	}
	assert_int_equal(found, 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_loads_and_its_expectations_hold),
		cmocka_unit_test(the_policy_that_takes_others_many_lines_is_short),
	};
	if (argc < 2)
		return 2;
	paths = argv + 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
