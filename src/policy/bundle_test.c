/* SPDX-License-Identifier: Apache-2.0 */
/* Bundles: gathered from a folder, encoded, opened again, loaded without the folder. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing.h"
#include "policy/testing.h"

static char folder[64];

static void file_write(const char *name, const char *text)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int folder_make(void **state)
{
	char path[200];

	(void)state;
	if (!testing_folder(folder, sizeof folder, "bundle-test"))
		return -1;
	snprintf(path, sizeof path, "%s/conf.d", folder);
	if (mkdir(path, 0700) != 0)
		return -1;
	file_write("main.conf", "listen smtp \"*:25\"\ninclude \"conf.d/*.conf\"\n"
				"domain example.org mailboxes \"boxes\" deliver via mx\n"
				"refuse if sender in \"missing\"\n");
	file_write("good.conf", "listen smtp \"*:25\"\ninclude \"conf.d/*.conf\"\n"
				"domain example.org mailboxes \"boxes\" deliver via mx\n");
	file_write("loop.conf", "include \"loop.conf\"\n");
	file_write("boxes", "alice\n");
	file_write("conf.d/1.conf", "network a 10.0.0.1\n");
	file_write("conf.d/2.conf", "relay for network a\n");
	file_write("conf.d/3.other", "nonsense\n");
	return 0;
}

static int folder_remove(void **state)
{
	static const char *const names[] = {"main.conf", "good.conf", "loop.conf", "boxes",
		"conf.d/1.conf", "conf.d/2.conf", "conf.d/3.other", "conf.d", "."};
	char path[200];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		remove(path);
	}
	return rmdir(folder);
}

static void gather(const char *name, struct arena *arena, struct bundle *bundle)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	bundle_gather(path, arena, bundle);
}

static void every_named_file_is_in_the_bundle(void **state)
{
	struct arena *arena = arena_new();
	struct bundle bundle;

	(void)state;
	gather("main.conf", arena, &bundle);
	assert_int_equal(bundle.count, 6);
	assert_true(slice_is(bundle_find(&bundle, SLICE("conf.d/2.conf"))->bytes,
		SLICE("relay for network a\n")));
	assert_true(slice_is(bundle_find(&bundle, SLICE("boxes"))->bytes, SLICE("alice\n")));
	assert_true(bundle_find(&bundle, SLICE("missing"))->missing);
	assert_null(bundle_find(&bundle, SLICE("conf.d/3.other")));
	assert_int_equal(strlen(bundle.hash), 16);
	arena_free(arena);
}

static void an_opened_bundle_loads_without_its_files(void **state)
{
	struct arena *arena = arena_new();
	struct bundle bundle, again;
	struct complaints complaints;

	(void)state;
	gather("good.conf", arena, &bundle);
	assert_true(bundle_open(bundle.bytes, arena, &again));
	assert_string_equal(again.hash, bundle.hash);
	assert_true(slice_is(again.nodename, bundle.nodename));
	complaints_init(&complaints);
	struct policy *policy = policy_load(&again, &complaints);
	test_print(&complaints);
	assert_non_null(policy);
	assert_int_equal(policy_clause_count(policy), 1);
	complaints_free(&complaints);
	arena_free(arena);
	assert_string_equal(policy_hash(policy), policy_hash(policy));
	assert_true(slice_is(policy_clause(policy, 0).file, SLICE("conf.d/2.conf")));
	policy_unref(policy);
}

static void a_missing_file_is_complained_about_where_it_is_named(void **state)
{
	struct arena *arena = arena_new();
	struct bundle bundle;
	struct complaints complaints;

	(void)state;
	gather("main.conf", arena, &bundle);
	complaints_init(&complaints);
	assert_null(policy_load(&bundle, &complaints));
	assert_int_equal(complaints.errors, 1);
	assert_int_equal(complaints.list[0].line, 4);
	assert_true(slice_matches(
		complaints.list[0].what, SLICE("\"missing\" cannot be read: No such file*")));
	complaints_free(&complaints);
	gather("nowhere.conf", arena, &bundle);
	complaints_init(&complaints);
	assert_null(policy_load(&bundle, &complaints));
	assert_true(
		slice_starts(complaints.list[0].what, SLICE("the configuration cannot be read")));
	complaints_free(&complaints);
	arena_free(arena);
}

static void a_file_that_includes_itself_is_an_error(void **state)
{
	struct arena *arena = arena_new();
	struct bundle bundle;
	struct complaints complaints;

	(void)state;
	gather("loop.conf", arena, &bundle);
	complaints_init(&complaints);
	assert_null(policy_load(&bundle, &complaints));
	assert_true(
		slice_starts(complaints.list[0].what, SLICE("\"loop.conf\" is included already")));
	complaints_free(&complaints);
	arena_free(arena);
}

static void damaged_bundles_do_not_open(void **state)
{
	struct arena *arena = arena_new();
	struct bundle bundle, again;

	(void)state;
	bundle_of_text(SLICE("x.conf"), SLICE("grace 1 s\n"), arena, &bundle);
	assert_true(bundle_open(bundle.bytes, arena, &again));
	for (size_t len = 0; len < bundle.bytes.len; len++)
		assert_false(bundle_open(slice_part(bundle.bytes, 0, len), arena, &again));
	char *copy = arena_string(arena, bundle.bytes);
	copy[4] = 2; /* a newer format */
	assert_false(bundle_open((struct slice){copy, bundle.bytes.len}, arena, &again));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_named_file_is_in_the_bundle),
		cmocka_unit_test(an_opened_bundle_loads_without_its_files),
		cmocka_unit_test(a_missing_file_is_complained_about_where_it_is_named),
		cmocka_unit_test(a_file_that_includes_itself_is_an_error),
		cmocka_unit_test(damaged_bundles_do_not_open),
	};
	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
