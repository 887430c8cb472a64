/* SPDX-License-Identifier: Apache-2.0 */
#include "smtpout/recall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define HOUR (3600 * NS_PER_S)

struct scene {
	struct recall *recall;
	struct recall_share a, b;
};

static void scene_open(struct scene *scene, size_t known_most, size_t unknown_most)
{
	*scene = (struct scene){.recall = recall_open(7, known_most, unknown_most)};
	recall_join(scene->recall, &scene->a);
	recall_join(scene->recall, &scene->b);
}

static enum recall_age age(struct scene *scene, const char *address, mono_ns now)
{
	enum recall_age age;

	recall_find(scene->recall, slice_of(address), now, &age);
	return age;
}

static bool has(struct scene *scene, const char *address)
{
	return age(scene, address, 0) != FORGOTTEN;
}

static void put(struct scene *scene, struct recall_share *share, const char *address, bool known)
{
	recall_put(scene->recall, share, slice_of(address), known, SLICE("said so"), 0);
}

static void use(struct scene *scene, const char *address)
{
	enum recall_age age;

	recall_use(scene->recall, recall_find(scene->recall, slice_of(address), 0, &age));
}

static void put_many(struct scene *scene, struct recall_share *share, bool known, size_t count)
{
	char name[40];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof name, "%s%zu@x.example", known ? "yes" : "no", i);
		put(scene, share, name, known);
	}
}

static void a_known_one_is_fresh_then_due_then_stale_then_forgotten(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, 10, 10);
	put(&scene, &scene.a, "alice@a.example", true);
	assert_int_equal(age(&scene, "alice@a.example", HOUR - 1), RECALLED);
	assert_int_equal(age(&scene, "alice@a.example", HOUR), RECALLED_DUE);
	assert_int_equal(age(&scene, "alice@a.example", 24 * HOUR - 1), RECALLED_DUE);
	assert_int_equal(age(&scene, "alice@a.example", 24 * HOUR), RECALLED_STALE);
	assert_int_equal(age(&scene, "alice@a.example", 168 * HOUR), FORGOTTEN);
	assert_int_equal(scene.a.known_count, 0);
	assert_false(has(&scene, "bob@a.example"));
	recall_close(scene.recall);
}

static void an_unknown_one_is_asked_about_again_after_a_quarter_of_an_hour(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, 10, 10);
	put(&scene, &scene.a, "nobody@a.example", false);
	assert_int_equal(age(&scene, "nobody@a.example", HOUR / 4 - 1), RECALLED);
	assert_int_equal(age(&scene, "nobody@a.example", HOUR / 4), FORGOTTEN);
	recall_close(scene.recall);
}

static void what_was_said_last_counts(void **state)
{
	struct scene scene;
	enum recall_age when;

	(void)state;
	scene_open(&scene, 10, 10);
	put(&scene, &scene.a, "alice@a.example", true);
	put(&scene, &scene.a, "alice@a.example", false);
	const struct recall_entry *entry =
		recall_find(scene.recall, SLICE("alice@a.example"), 0, &when);
	assert_false(entry->known);
	assert_true(slice_is(recall_words(entry), SLICE("said so")));
	assert_int_equal(scene.a.known_count, 0);
	assert_int_equal(scene.a.unknown_count, 1);
	recall_close(scene.recall);
}

static void names_tried_at_random_push_out_no_known_one(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, 10, 10);
	put(&scene, &scene.a, "alice@a.example", true);
	put_many(&scene, &scene.a, false, 1000);
	assert_true(has(&scene, "alice@a.example"));
	assert_int_equal(scene.a.unknown_count, 10);
	recall_close(scene.recall);
}

static void one_that_was_of_use_again_outlives_those_that_were_not(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, 10, 10);
	put(&scene, &scene.a, "alice@a.example", true);
	put(&scene, &scene.a, "bob@a.example", true);
	use(&scene, "alice@a.example");
	put_many(&scene, &scene.a, true, 1000);
	assert_true(has(&scene, "alice@a.example"));
	assert_false(has(&scene, "bob@a.example"));
	put(&scene, &scene.a, "alice@a.example", true); /* asked anew, it stays what it was */
	put_many(&scene, &scene.a, true, 1000);
	assert_true(has(&scene, "alice@a.example"));
	recall_close(scene.recall);
}

static void a_full_memory_forgets_in_the_domain_that_holds_most(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, 10, 10);
	put(&scene, &scene.b, "bob@b.example", true);
	put_many(&scene, &scene.a, true, 1000);
	assert_true(has(&scene, "bob@b.example"));
	assert_int_equal(scene.a.known_count + scene.b.known_count, 10);
	recall_close(scene.recall);
}

static void a_domain_that_leaves_takes_its_own_along(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, 10, 10);
	put(&scene, &scene.a, "alice@a.example", true);
	put(&scene, &scene.a, "nobody@a.example", false);
	put(&scene, &scene.b, "bob@b.example", true);
	recall_leave(scene.recall, &scene.a);
	assert_false(has(&scene, "alice@a.example"));
	assert_true(has(&scene, "bob@b.example"));
	recall_forget_unknown(scene.recall);
	assert_true(has(&scene, "bob@b.example"));
	recall_close(scene.recall);
}

static void the_unknown_can_be_forgotten_alone(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene, 10, 10);
	put(&scene, &scene.a, "alice@a.example", true);
	put(&scene, &scene.a, "nobody@a.example", false);
	recall_forget_unknown(scene.recall);
	assert_true(has(&scene, "alice@a.example"));
	assert_false(has(&scene, "nobody@a.example"));
	recall_close(scene.recall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_one_is_fresh_then_due_then_stale_then_forgotten),
		cmocka_unit_test(an_unknown_one_is_asked_about_again_after_a_quarter_of_an_hour),
		cmocka_unit_test(what_was_said_last_counts),
		cmocka_unit_test(names_tried_at_random_push_out_no_known_one),
		cmocka_unit_test(one_that_was_of_use_again_outlives_those_that_were_not),
		cmocka_unit_test(a_full_memory_forgets_in_the_domain_that_holds_most),
		cmocka_unit_test(a_domain_that_leaves_takes_its_own_along),
		cmocka_unit_test(the_unknown_can_be_forgotten_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
